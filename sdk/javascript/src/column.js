// The values of one field over a batch, as JSON text. A column crosses from the host in one call,
// and no value of it is looked at before it is asked for.

import { named } from './error.js';
import { elementsOf, fieldsOf, unescape } from './json.js';

const encoder = new TextEncoder();
// A byte order mark inside a record is data.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The kinds of JSON values, by the numbers that the host gives them. */
export const Kind = Object.freeze({
  missing: 0,
  null: 1,
  false: 2,
  true: 3,
  number: 4,
  string: 5,
  array: 6,
  object: 7,
});

const KIND_NAMES = ['missing', 'null', 'a boolean', 'a boolean', 'a number', 'a string', 'an array', 'an object'];
const KIND_OF_BYTE = new Map([['n', 1], ['f', 2], ['t', 3], ['"', 5], ['[', 6], ['{', 7]]);

function kindOf(json) {
  return json === '' ? Kind.missing : KIND_OF_BYTE.get(json[0]) ?? Kind.number;
}

/** One JSON value: its text as the source wrote it, and accessors that refuse other kinds. */
export class Value {
  /**
   * @param {string} [json] one JSON value; nothing is a missing one
   * @param {number} [kind]
   */
  constructor(json = '', kind = kindOf(json)) {
    this.json = json;
    this.kind = kind;
  }

  /** The kind as it is called in messages, such as `a string`. */
  get kindName() {
    return KIND_NAMES[this.kind];
  }

  /** Neither missing nor null. */
  get isPresent() {
    return this.kind > Kind.null;
  }

  /** The text of a string, unescaped; undefined for anything else. */
  text() {
    return this.kind === Kind.string ? unescape(this.json) : undefined;
  }

  /** @returns {boolean | undefined} */
  boolean() {
    if (this.kind === Kind.true) return true;
    return this.kind === Kind.false ? false : undefined;
  }

  /** A number exactly as it was written; undefined for anything else. */
  numberText() {
    return this.kind === Kind.number ? this.json : undefined;
  }

  /** A number as JavaScript has it, rounded to 53 bits; undefined for anything else. */
  number() {
    return this.kind === Kind.number ? Number(this.json) : undefined;
  }

  /** The elements of an array; undefined for anything else. */
  elements() {
    return this.kind === Kind.array ? elementsOf(this.json).map((json) => new Value(json)) : undefined;
  }

  /** The fields of an object; undefined for anything else. */
  fields() {
    if (this.kind !== Kind.object) return undefined;
    return new Map([...fieldsOf(this.json)].map(([name, json]) => [name, new Value(json)]));
  }

  /** The whole value as `JSON.parse` gives it, numbers rounded; undefined where it is missing. */
  parse() {
    return this.kind === Kind.missing ? undefined : JSON.parse(this.json);
  }
}

/** One value a record. It is read from a batch, or filled with the `push` methods. */
export class Column {
  #kinds = [];
  #texts = [];
  /** What the host handed over, until the column is written to. */
  #parts;
  #text;

  /** @param {Iterable<string>} [jsonTexts] values as JSON text; an empty one is missing */
  constructor(jsonTexts = []) {
    for (const json of jsonTexts) this.pushJson(json);
  }

  /** A column as the host has it. */
  static fromParts(parts) {
    const column = new Column();
    column.#parts = parts;
    return column;
  }

  /** A column of strings; undefined is missing, null is null. */
  static ofTexts(texts) {
    const column = new Column();
    for (const text of texts) column.pushText(text);
    return column;
  }

  get length() {
    return this.#parts ? this.#parts.kinds.length : this.#kinds.length;
  }

  /** The kind of value `index`; nothing is decoded for it. */
  kind(index) {
    return (this.#parts ? this.#parts.kinds : this.#kinds)[index] ?? Kind.missing;
  }

  /** JSON text of value `index`, byte for byte as the source wrote it; empty where it is missing. */
  json(index) {
    if (!this.#parts) return this.#texts[index] ?? '';
    const { kinds, offsets, text } = this.#parts;
    if (!(index >= 0 && index < kinds.length)) return '';
    this.#text ??= decoder.decode(text);
    // In ASCII, which is the common case, byte offsets are positions in the string.
    if (this.#text.length === text.length) return this.#text.slice(offsets[index], offsets[index + 1]);
    return decoder.decode(text.subarray(offsets[index], offsets[index + 1]));
  }

  /** Value `index`; a missing one where it is out of range. */
  get(index) {
    return new Value(this.json(index), this.kind(index));
  }

  /** The text of string `index`, unescaped; undefined for anything else. */
  text(index) {
    return this.kind(index) === Kind.string ? unescape(this.json(index)) : undefined;
  }

  /** Neither missing nor null. */
  isPresent(index) {
    return this.kind(index) > Kind.null;
  }

  /** How many values are neither missing nor null. */
  countPresent() {
    const kinds = this.#parts ? this.#parts.kinds : this.#kinds;
    return kinds.reduce((count, kind) => count + (kind > Kind.null ? 1 : 0), 0);
  }

  *[Symbol.iterator]() {
    for (let index = 0; index < this.length; index += 1) yield this.get(index);
  }

  /**
   * A new column in which each string is what `change` makes of it; every other value stays.
   * @param {(text: string, index: number) => string | null | undefined} change
   */
  mapText(change) {
    const column = new Column();
    for (let index = 0; index < this.length; index += 1) {
      const text = this.text(index);
      if (text === undefined) column.#add(this.json(index), this.kind(index));
      else column.pushText(change(text, index));
    }
    return column;
  }

  /** Adds a value of another column, or one read with `Value`. */
  push(value) {
    return this.#add(value.json, value.kind);
  }

  /** Adds a value as JSON text, which must be one JSON value; nothing is a missing one. */
  pushJson(json) {
    if (typeof json !== 'string') {
      throw new TypeError(`pushJson takes JSON text and got ${named(json)}; pushText takes a plain string`);
    }
    return this.#add(json, kindOf(json));
  }

  /** Adds a string, which this escapes; null and undefined are a null and a missing value. */
  pushText(text) {
    if (text === undefined) return this.pushMissing();
    if (text === null) return this.pushNull();
    return this.#add(JSON.stringify(String(text)), Kind.string);
  }

  pushNull() {
    return this.#add('null', Kind.null);
  }

  pushMissing() {
    return this.#add('', Kind.missing);
  }

  #add(json, kind) {
    if (this.#parts) this.#own();
    this.#kinds.push(kind);
    this.#texts.push(json);
    return this;
  }

  /** Copies what the host handed over, before the first change. */
  #own() {
    const texts = Array.from({ length: this.length }, (_, index) => this.json(index));
    this.#kinds = Array.from(this.#parts.kinds);
    this.#texts = texts;
    this.#parts = undefined;
  }

  /** The column as the host takes it: three lists, copied in one go each. */
  toParts() {
    if (this.#parts) return this.#parts;
    const joined = this.#texts.join('');
    const text = encoder.encode(joined);
    const ascii = text.length === joined.length;
    const offsets = new Uint32Array(this.#texts.length + 1);
    for (let index = 0; index < this.#texts.length; index += 1) {
      const value = this.#texts[index];
      offsets[index + 1] = offsets[index] + (ascii ? value.length : encoder.encode(value).length);
    }
    return { kinds: Uint8Array.from(this.#kinds), offsets, text };
  }
}
