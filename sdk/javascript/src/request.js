// What a step asks for: the next request, and where a page's records are.

import { named } from './error.js';

const encoder = new TextEncoder();

/** The name of a granted secret; the host fills it in and never shows it. */
export class Secret {
  constructor(name) {
    this.name = name;
  }
}

/** A granted secret as a request's value. */
export function secret(name) {
  return new Secret(name);
}

/** A parameter's value as text. Whole numbers are exact; another number has several spellings. */
export function parameter(name, value) {
  if (typeof value === 'string' || value instanceof Secret) return value;
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return String(value);
  throw new TypeError(`${name} is ${named(value)}; give a string, a whole number or secret(name)`);
}

/**
 * What differs from the manifest's own request; what is unset stays as the manifest has it. Query
 * parameters, body fields and a server-given URL under the manifest's origin and path are always
 * allowed; headers, another method and another path need a grant.
 *
 * A request never changes: each method answers a new one.
 */
export class Request {
  constructor(changes = {}) {
    const unchanged = { url: undefined, query: [], body: [], headers: [], method: undefined, path: undefined };
    this.changes = { ...unchanged, mayBePastEnd: false, ...changes };
  }

  /** The manifest's request as it stands. */
  static unchanged() {
    return new Request();
  }

  /**
   * A URL that the server gave, absolute or relative to the page's own. It replaces the manifest's
   * URL and query.
   */
  static toUrl(url) {
    if (typeof url !== 'string') throw new TypeError(`toUrl takes a string and got ${named(url)}`);
    return new Request({ url });
  }

  #with(changes) {
    return new Request({ ...this.changes, ...changes });
  }

  /** Sets a query parameter, replacing those of the same name. */
  query(name, value) {
    return this.#with({ query: [...this.changes.query, [name, parameter(`the query parameter ${name}`, value)]] });
  }

  /** Sets a top-level field of the JSON body to a JavaScript value or a secret. */
  body(name, value) {
    if (value instanceof Secret) return this.#with({ body: [...this.changes.body, [name, value]] });
    const json = JSON.stringify(value);
    if (json === undefined) throw new TypeError(`the body field ${name} is ${named(value)}, which JSON cannot hold`);
    return this.bodyJson(name, json);
  }

  /** Sets a top-level field of the JSON body to JSON text, such as a number that must not be rounded. */
  bodyJson(name, json) {
    if (typeof json !== 'string') throw new TypeError(`bodyJson takes JSON text and got ${named(json)}`);
    return this.#with({ body: [...this.changes.body, [name, json]] });
  }

  /** Sets a header. Needs a grant. */
  header(name, value) {
    return this.#with({ headers: [...this.changes.headers, [name, parameter(`the header ${name}`, value)]] });
  }

  /** Another method. Needs a grant. */
  method(method) {
    return this.#with({ method });
  }

  /** Another path. Needs a grant. */
  path(path) {
    return this.#with({ path });
  }

  /**
   * The request may ask for more than the API has: a 404 or 400 to it ends the walk as an empty page
   * would.
   */
  mayBePastEnd() {
    return this.#with({ mayBePastEnd: true });
  }

  toWire() {
    const { query, body, headers, ...rest } = this.changes;
    return { ...rest, query: wireFields(query), body: wireFields(body), headers: wireFields(headers) };
  }
}

export function wireFields(fields) {
  return fields.map(([name, value]) => ({
    name,
    value: value instanceof Secret ? { tag: 'secret', val: value.name } : { tag: 'text', val: value },
  }));
}

/** Checks what a plugin answered before it reaches the host, where a mistake would only be a trap. */
export function requestOf(value, where) {
  if (value instanceof Request) return value;
  throw new TypeError(`${where} is ${named(value)}; make it with Request.unchanged() or Request.toUrl(url)`);
}

/** NDJSON as bytes. */
export function ndjsonBytes(ndjson, where) {
  if (ndjson instanceof Uint8Array) return ndjson;
  if (typeof ndjson === 'string') return encoder.encode(ndjson);
  throw new TypeError(`${where} is ${named(ndjson)}; NDJSON as a string or Uint8Array was expected`);
}

/** Where a page's records are. */
export class Records {
  constructor(tag, val) {
    this.tag = tag;
    this.val = val;
  }

  /** This page holds none. */
  static none() {
    return new Records('none');
  }

  /** The array (or single object) at this dotted path of the JSON body; empty is the root. */
  static at(path) {
    if (typeof path !== 'string') throw new TypeError(`Records.at takes a dotted path and got ${named(path)}`);
    return new Records('at', path);
  }

  /** The records themselves as NDJSON, for pages that are not JSON. */
  static bytes(ndjson) {
    return new Records('bytes', ndjsonBytes(ndjson, "Records.bytes's argument"));
  }

  /** The records themselves as JavaScript objects, for pages that are not JSON. */
  static rows(rows) {
    let ndjson = '';
    for (const row of rows) ndjson += `${JSON.stringify(row)}\n`;
    return Records.bytes(ndjson);
  }

  toWire() {
    return { tag: this.tag, val: this.val };
  }
}

/** An extractor's answer. */
export class Step {
  constructor(records, next, state, ended) {
    this.records = records;
    this.next = next;
    this.state = state;
    this.ended = ended;
  }

  /** The walk's first request. */
  static first(request, state) {
    return new Step(Records.none(), request, state);
  }

  /** A page that another one follows. */
  static more(records, request, state) {
    return new Step(records, request, state);
  }

  /** The walk's last page. */
  static last(records, state) {
    return new Step(records, undefined, state);
  }

  /**
   * Says why the walk ends: a short name in kebab case such as `cursor-null`, one line, and the dotted
   * path that was null, empty or missing, or `header NAME`. Where no answer ever had it, the host warns
   * that it may be misspelt.
   */
  because(reason, message, { lookedAt } = {}) {
    return new Step(this.records, this.next, this.state, { reason, message, lookedAt });
  }
}

/** A step, whether it was made with `Step` or written as a plain object. */
export function stepOf(value, call) {
  if (!(value instanceof Step) && !(value?.records instanceof Records)) {
    throw new TypeError(`${call}() returned ${named(value)}; return Step.first, Step.more or Step.last`);
  }
  const { records, next, state, ended } = value;
  if (!(records instanceof Records)) {
    throw new TypeError(`the records of the step that ${call}() returned are ${named(records)}; `
      + 'make them with Records.at(path), Records.rows(rows), Records.bytes(ndjson) or Records.none()');
  }
  const request = next === undefined ? undefined : requestOf(next, `the next request of ${call}()`);
  return new Step(records, request, state, endingOf(ended, call));
}

function endingOf(ended, call) {
  if (ended === undefined) return undefined;
  const { reason, message, lookedAt } = ended ?? {};
  if (typeof reason !== 'string' || typeof message !== 'string') {
    throw new TypeError(`why the walk ends, as ${call}() says, is ${named(ended)}; `
      + 'use Step.last(records).because(reason, message)');
  }
  return { reason, message, lookedAt: lookedAt === undefined ? undefined : String(lookedAt) };
}
