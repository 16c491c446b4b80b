// Cuts JSON documents into the texts of their values. `JSON.parse` would round numbers; here they
// stay as they were written. Only options, state and test data pass through here, never records.

const STRING = /"[^"\\]*(?:\\.[^"\\]*)*"/y;
const NESTING = /"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{}]/g;
const SCALAR = /[^\s,\]}]+/y;
const SPACE = /\s*/y;

/** A piece of JSON that is written as it stands. */
export class RawJson {
  constructor(text) {
    this.text = text;
  }
}

/** The position after white space. */
function skipSpace(text, at) {
  SPACE.lastIndex = at;
  SPACE.test(text);
  return SPACE.lastIndex;
}

/** The position after the value that starts at `at`, in a document that is known to be valid. */
function skipValue(text, at) {
  const first = text[at];
  if (first === '{' || first === '[') {
    let depth = 0;
    NESTING.lastIndex = at;
    for (let token = NESTING.exec(text); token; token = NESTING.exec(text)) {
      if (token[0] === '{' || token[0] === '[') depth += 1;
      if (token[0] === '}' || token[0] === ']') depth -= 1;
      if (depth === 0) return NESTING.lastIndex;
    }
    return text.length;
  }
  const pattern = first === '"' ? STRING : SCALAR;
  pattern.lastIndex = at;
  pattern.test(text);
  return pattern.lastIndex;
}

/** Calls `visit(position)` for each entry of an object or array; it answers where the entry ends. */
function eachEntry(text, visit) {
  let at = skipSpace(text, skipSpace(text, 0) + 1);
  while (at < text.length && text[at] !== '}' && text[at] !== ']') {
    at = skipSpace(text, visit(at));
    if (text[at] === ',') at = skipSpace(text, at + 1);
  }
}

/**
 * The fields of an object, name to text; undefined for anything but an object. Of a repeated name
 * the last one counts, as it does for `JSON.parse`.
 * @param {string} text valid JSON
 * @returns {Map<string, string> | undefined}
 */
export function fieldsOf(text) {
  if (text[skipSpace(text, 0)] !== '{') return undefined;
  const fields = new Map();
  eachEntry(text, (at) => {
    const nameEnd = skipValue(text, at);
    const start = skipSpace(text, skipSpace(text, nameEnd) + 1);
    const end = skipValue(text, start);
    fields.set(JSON.parse(text.slice(at, nameEnd)), text.slice(start, end));
    return end;
  });
  return fields;
}

/**
 * The texts of an array's elements; undefined for anything but an array.
 * @param {string} text valid JSON
 * @returns {string[] | undefined}
 */
export function elementsOf(text) {
  if (text[skipSpace(text, 0)] !== '[') return undefined;
  const elements = [];
  eachEntry(text, (at) => {
    const end = skipValue(text, at);
    elements.push(text.slice(at, end));
    return end;
  });
  return elements;
}

/** JSON text of a value, like `JSON.stringify`, with room for numbers that it would round. */
export function textOf(value) {
  if (value instanceof RawJson) return value.text;
  if (Array.isArray(value)) return `[${value.map(textOf).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value).filter(([, field]) => field !== undefined);
    return `{${entries.map(([name, field]) => `${JSON.stringify(name)}:${textOf(field)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

/** The text of a JSON string, unescaped; undefined for anything but a JSON string. */
export function unescape(json) {
  if (json.charCodeAt(0) !== 34) return undefined;
  // Most strings hold no escape, and cutting is far cheaper than parsing.
  return json.includes('\\') ? JSON.parse(json) : json.slice(1, -1);
}
