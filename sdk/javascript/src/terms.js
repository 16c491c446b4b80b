// A signer's answer: what the host is to compute of which secret. A signer never sees a secret, so
// it writes the computation down instead of doing it.

import { named } from './error.js';

const HASHES = ['sha1', 'sha256', 'sha512'];
const encoder = new TextEncoder();

/** One step of the host's computation. */
export class Term {
  constructor(tag, val, inputs = []) {
    this.tag = tag;
    this.val = val;
    this.inputs = inputs;
  }

  /** Whether the result is text, which a header or a parameter has to be. */
  get isText() {
    if (this.tag === 'concat') return this.inputs.every((input) => input.isText);
    return this.tag === 'text' || this.tag === 'secret' || this.tag === 'encoded';
  }
}

function termOf(value, where) {
  if (value instanceof Term) return value;
  if (typeof value === 'string') return new Term('text', value);
  if (value instanceof Uint8Array) return new Term('bytes', value);
  throw new TypeError(`${where} is ${named(value)}; a term, a string or a Uint8Array was expected`);
}

function hashNamed(name) {
  if (HASHES.includes(name)) return name;
  throw new TypeError(`there is no hash ${JSON.stringify(name)}; the host has ${HASHES.join(', ')}`);
}

function encoded(encoding, value) {
  return new Term('encoded', encoding, [termOf(value, `the argument of term.${encoding}`)]);
}

/** Makes terms. Wherever a term is taken, a string or bytes are taken too. */
export const term = {
  /** @param {string} text */
  text: (text) => termOf(String(text), 'the text'),
  /** @param {Uint8Array} bytes */
  bytes: (bytes) => termOf(bytes, 'the bytes'),
  /** A granted secret, by name. */
  secret: (name) => new Term('secret', String(name)),
  concat: (...parts) => new Term('concat', undefined, parts.map((part, i) => termOf(part, `part ${i} of term.concat`))),
  hash: (hash, message) => new Term('hashed', hashNamed(hash), [termOf(message, 'the message of term.hash')]),
  hmac: (hash, key, message) =>
    new Term('hmac', hashNamed(hash), [termOf(key, 'the key of term.hmac'), termOf(message, 'the message of term.hmac')]),
  hex: (value) => encoded('hex', value),
  base64: (value) => encoded('base64', value),
  base64url: (value) => encoded('base64url', value),
  percent: (value) => encoded('percent', value),
};

/** Where the computed values go. */
export class Signature {
  headers = [];
  parameters = [];

  /** Sets a header. One that the request or the connection has already is refused by the host. */
  header(name, value) {
    this.headers.push([name, textTerm(value, `the header ${name}`)]);
    return this;
  }

  /** Appends a query parameter. */
  query(name, value) {
    this.parameters.push([name, textTerm(value, `the query parameter ${name}`)]);
    return this;
  }

  toWire() {
    const terms = [];
    const indexes = new Map();
    const place = (one) => {
      // A term that is used twice is computed once.
      if (indexes.has(one)) return indexes.get(one);
      const wire = toWire(one, one.inputs.map(place));
      indexes.set(one, terms.push(wire) - 1);
      return indexes.get(one);
    };
    const placed = (values) => values.map(([name, value]) => ({ name, term: place(value) }));
    return { headers: placed(this.headers), query: placed(this.parameters), terms };
  }
}

function textTerm(value, where) {
  const one = termOf(value, where);
  if (!one.isText) throw new TypeError(`${where} would be bytes; encode them with term.hex or term.base64`);
  return one;
}

function toWire({ tag, val }, inputs) {
  switch (tag) {
    case 'concat':
      return { tag, val: Uint32Array.from(inputs) };
    case 'hashed':
      return { tag, val: { hash: val, message: inputs[0] } };
    case 'hmac':
      return { tag, val: { hash: val, key: inputs[0], message: inputs[1] } };
    case 'encoded':
      return { tag, val: { encoding: val, bytes: inputs[0] } };
    default:
      return { tag, val };
  }
}

export function signatureOf(value) {
  if (value instanceof Signature) return value;
  throw new TypeError(`sign() returned ${named(value)}; return new Signature().header(name, term)`);
}

/** The request as it is about to be sent, without the connection's own credentials. */
export class Outgoing {
  constructor({ method, url, headers, bodySha256, sentAt, nonce }) {
    this.method = method;
    this.url = url;
    /** Pairs of name and value. */
    this.headers = headers;
    /** Hexadecimal, lower case; of an empty body too. */
    this.bodySha256 = bodySha256;
    /** RFC 3339 in UTC with milliseconds. */
    this.sentAt = sentAt;
    /** 16 random bytes, new for each attempt. */
    this.nonce = nonce;
  }

  static fromWire({ headers, ...rest }) {
    return new Outgoing({ ...rest, headers: headers.map(({ name, value }) => [name, value]) });
  }

  /** An outgoing request for unit tests. */
  static forTest({
    method = 'GET',
    url = 'https://api.example.com/orders',
    headers = [],
    bodySha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    sentAt = '2026-01-02T03:04:05.678Z',
    nonce = encoder.encode('0123456789abcdef'),
  } = {}) {
    return new Outgoing({ method, url, headers, bodySha256, sentAt, nonce });
  }

  /** All values of a header, by name without regard to case. */
  header(name) {
    const wanted = name.toLowerCase();
    return this.headers.filter(([found]) => found.toLowerCase() === wanted).map(([, value]) => value);
  }

  /** The URL's path, percent-encoded as it is sent. */
  get path() {
    return new URL(this.url).pathname;
  }

  /** The URL's query without its question mark; empty where there is none. */
  get query() {
    return new URL(this.url).search.slice(1);
  }

  /** When it is sent, as HTTP writes dates, such as `Fri, 02 Jan 2026 03:04:05 GMT`. */
  get httpDate() {
    return new Date(this.sentAt).toUTCString();
  }
}
