// Stands in for the host in unit tests: it answers what the host would answer, and refuses what the
// host would refuse.

import { Column } from './column.js';
import { elementsOf, fieldsOf } from './json.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function bytesOf(body) {
  return typeof body === 'string' ? encoder.encode(body) : body;
}

/** Splits a dotted path; `\.` is a dot within a name, and nothing or `.` is the root. */
function segments(path) {
  if (path === '' || path === '.') return [];
  return path.split(/(?<!\\)\./).map((segment) => segment.replaceAll('\\.', '.'));
}

function validJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

export class TestPage {
  #page;
  #json;

  constructor({ status = 200, headers = [], url = 'https://api.example.com/orders', body = '' }) {
    this.#page = { status, headers, url, body: bytesOf(body) };
    const text = decoder.decode(this.#page.body).trim();
    this.#json = validJson(text) ? text : undefined;
  }

  status() {
    return this.#page.status;
  }

  header(name) {
    const wanted = name.toLowerCase();
    return this.#page.headers.filter(([found]) => found.toLowerCase() === wanted).map(([, value]) => value);
  }

  url() {
    return this.#page.url;
  }

  get(path) {
    let value = this.#json;
    for (const segment of segments(path)) {
      if (value === undefined) return undefined;
      const index = /^\d+$/.test(segment) ? Number(segment) : -1;
      value = fieldsOf(value)?.get(segment) ?? elementsOf(value)?.[index];
    }
    return value;
  }

  count(path) {
    const value = this.get(path);
    if (value === undefined) return undefined;
    return elementsOf(value)?.length ?? (value.startsWith('{') ? 1 : undefined);
  }

  last(path) {
    const value = this.get(path);
    return value === undefined ? undefined : elementsOf(value)?.at(-1);
  }

  body() {
    return this.#page.body;
  }
}

export class TestBatch {
  #ndjson;
  #records;
  #needs;

  constructor(ndjson, page) {
    this.page = page;
    this.#ndjson = ndjson;
    this.#records = ndjson.split('\n').flatMap((line, index) => (line.trim() === '' ? [] : [record(line, index)]));
  }

  /** From now on only what `needs` declared is answered. */
  restrict(needs) {
    this.#needs = needs;
  }

  len() {
    return this.#records.length;
  }

  column(field) {
    if (this.#needs && !this.#needs.fields.includes(field)) {
      throw new Error(`the field ${JSON.stringify(field)} was not declared; name it in \`needs\`'s fields`);
    }
    return new Column(this.#records.map((fields) => fields.get(field) ?? ''));
  }

  bytes() {
    if (this.#needs && !this.#needs.bytes) {
      throw new Error("the records' bytes were not declared; set `bytes: true` in `needs`");
    }
    return encoder.encode(this.#ndjson);
  }
}

function record(line, index) {
  const fields = validJson(line) ? fieldsOf(line) : undefined;
  if (!fields) throw new TypeError(`line ${index + 1} of the test batch is no JSON object: ${line.slice(0, 60)}`);
  return fields;
}
