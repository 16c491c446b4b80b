// Options: declared once, they give the JSON Schema that the host checks the manifest against, the
// defaults, and the types that an editor shows.

import { Value } from './column.js';
import { PluginError } from './error.js';
import { RawJson, textOf } from './json.js';

/** An option: its schema, whether it must be given, and how its JSON text is read. */
export class Option {
  constructor(schema, read, { description, default: fallback, optional = false } = {}) {
    this.optional = optional || fallback !== undefined;
    this.fallback = fallback;
    this.schema = { ...schema, description, default: this.optional ? fallback : undefined };
    /** @type {(value: Value, where: string) => unknown} */
    this.read = read;
  }
}

function refuse(where, value, expected) {
  throw new PluginError('invalid-options', `${where} is ${value.kindName}; ${expected} was expected`);
}

function defined(...pairs) {
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined));
}

/** A string. `choices` lists all that are allowed. */
export function string(settings = {}) {
  const { minLength, pattern, choices } = settings;
  const schema = { type: 'string', ...defined(['minLength', minLength], ['pattern', pattern], ['enum', choices]) };
  return new Option(schema, (value, where) => {
    const text = value.text() ?? refuse(where, value, 'a string');
    if (choices && !choices.includes(text)) {
      throw new PluginError('invalid-options', `${where} is ${value.json}; one of ${choices.join(', ')} was expected`);
    }
    return text;
  }, settings);
}

/** A number as JavaScript has it. `decimal` keeps one exactly as it was written. */
export function number(settings = {}) {
  const { minimum, maximum } = settings;
  const schema = { type: 'number', ...defined(['minimum', minimum], ['maximum', maximum]) };
  return new Option(schema, (value, where) => value.number() ?? refuse(where, value, 'a number'), settings);
}

/** A whole number. */
export function integer(settings = {}) {
  const { minimum, maximum } = settings;
  const schema = { type: 'integer', ...defined(['minimum', minimum], ['maximum', maximum]) };
  return new Option(schema, (value, where) => {
    const whole = value.number();
    return Number.isSafeInteger(whole) ? whole : refuse(where, value, 'a whole number below 2^53');
  }, settings);
}

/** A number as the text that the manifest has, so that it is never rounded. A default is text too. */
export function decimal(settings = {}) {
  const fallback = settings.default;
  const option = new Option(
    { type: 'number' },
    (value, where) => value.numberText() ?? refuse(where, value, 'a number'),
    settings,
  );
  if (fallback !== undefined) option.schema.default = new RawJson(fallback);
  return option;
}

export function boolean(settings = {}) {
  const read = (value, where) => value.boolean() ?? refuse(where, value, 'true or false');
  return new Option({ type: 'boolean' }, read, settings);
}

/** A list whose items are all alike. */
export function list(item, settings = {}) {
  const { minItems, maxItems } = settings;
  const schema = { type: 'array', items: item.schema, ...defined(['minItems', minItems], ['maxItems', maxItems]) };
  return new Option(schema, (value, where) => {
    const elements = value.elements() ?? refuse(where, value, 'a list');
    return elements.map((element, index) => item.read(element, `${where}[${index}]`));
  }, settings);
}

/** One item or a list of them; it is always read as a list. */
export function oneOrMany(item, settings = {}) {
  const schema = { anyOf: [item.schema, { type: 'array', items: item.schema }] };
  return new Option(schema, (value, where) => {
    const elements = value.elements() ?? [value];
    return elements.map((element, index) => item.read(element, `${where}[${index}]`));
  }, settings);
}

/** An object with fields of its own. */
export function object(fields, settings = {}) {
  return new Option(schemaOf(fields), (value, where) => readFields(fields, value, where), settings);
}

/** An object whose field names are free and whose values are all alike. */
export function record(item, settings = {}) {
  const schema = { type: 'object', additionalProperties: item.schema };
  return new Option(schema, (value, where) => {
    const entries = [...(value.fields() ?? refuse(where, value, 'an object'))];
    return Object.fromEntries(entries.map(([name, field]) => [name, item.read(field, `${where}.${name}`)]));
  }, settings);
}

/** Any JSON value, as a `Value` that keeps its text. */
export function json(settings = {}) {
  const { type } = settings;
  const option = new Option(defined(['type', type]), (value) => value, settings);
  if (settings.default !== undefined) option.fallback = new Value(textOf(settings.default));
  return option;
}

function schemaOf(fields) {
  const required = Object.keys(fields).filter((name) => !fields[name].optional);
  const properties = Object.fromEntries(Object.entries(fields).map(([name, option]) => [name, option.schema]));
  return {
    type: 'object',
    properties,
    required: required.length > 0 ? required : undefined,
    additionalProperties: false,
  };
}

/** JSON Schema (draft 2020-12) of these options. */
export function optionsSchema(fields) {
  return textOf({ $schema: 'https://json-schema.org/draft/2020-12/schema', ...schemaOf(fields) });
}

function readFields(fields, value, where) {
  const found = value.fields() ?? refuse(where === '' ? 'the with block' : where, value, 'an object');
  const nameOf = (name) => (where === '' ? `option ${name}` : `${where}.${name}`);
  for (const name of found.keys()) {
    if (!Object.hasOwn(fields, name)) {
      const known = Object.keys(fields).join(', ') || 'none';
      throw new PluginError('invalid-options', `${nameOf(name)} is not known; the options are: ${known}`);
    }
  }
  const read = ([name, option]) => {
    const given = found.get(name);
    if (given) return [name, option.read(given, nameOf(name))];
    if (!option.optional) throw new PluginError('invalid-options', `${nameOf(name)} is missing`);
    return [name, option.fallback];
  };
  return Object.freeze(Object.fromEntries(Object.entries(fields).map(read)));
}

/** Reads options from the JSON text that the host hands over; nothing is an empty object. */
export function readOptions(fields, text) {
  const whole = text.trim() === '' ? '{}' : text.trim();
  try {
    JSON.parse(whole);
  } catch (cause) {
    throw new PluginError('invalid-options', `the options are not JSON: ${cause.message}`, { cause });
  }
  return readFields(fields, new Value(whole), '');
}

/** Refuses a declaration that could not work, at build time and not at the first run. */
export function checkOptions(fields) {
  for (const [name, option] of Object.entries(fields)) {
    if (!(option instanceof Option)) {
      throw new TypeError(`option ${name} is declared as ${typeof option}; use string(), integer(), list() and so on`);
    }
    if (option.fallback !== undefined) option.read(new Value(textOf(option.schema.default)), `the default of ${name}`);
  }
}
