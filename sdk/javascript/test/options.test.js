import assert from 'node:assert/strict';
import { test } from 'node:test';

import { boolean, decimal, extractor, integer, json, list, number, object, oneOrMany, record, string } from '../src/index.js';
import { optionsSchema, readOptions } from '../src/options.js';

const OPTIONS = {
  path: string({ minLength: 1, description: 'A path.' }),
  mode: string({ choices: ['page', 'offset'], default: 'page' }),
  size: integer({ minimum: 1, default: 100 }),
  share: number({ optional: true, maximum: 1 }),
  limit: decimal({ default: '0.10' }),
  strict: boolean({ default: false }),
  fields: list(string(), { minItems: 1, optional: true }),
  ids: oneOrMany(string(), { optional: true }),
  range: object({ from: decimal(), to: decimal({ optional: true }) }, { optional: true }),
  names: record(string(), { optional: true }),
  initial: json({ type: ['string', 'number'], optional: true }),
};

test('the schema is what the host checks manifests against', () => {
  const text = optionsSchema(OPTIONS);
  const schema = JSON.parse(text);
  assert.equal(schema.$schema, 'https://json-schema.org/draft/2020-12/schema');
  assert.equal(schema.additionalProperties, false);
  assert.deepEqual(schema.required, ['path']);
  assert.deepEqual(schema.properties.path, { type: 'string', minLength: 1, description: 'A path.' });
  assert.deepEqual(schema.properties.mode, { type: 'string', enum: ['page', 'offset'], default: 'page' });
  assert.deepEqual(schema.properties.range.required, ['from']);
  assert.deepEqual(schema.properties.initial, { type: ['string', 'number'] });
  assert.match(text, /"limit":\{"type":"number","default":0\.10\}/);
  assert.equal(JSON.parse(optionsSchema({})).required, undefined);
});

test('options are read with their defaults, and numbers stay as written', () => {
  const options = readOptions(OPTIONS, `{
    "path": "a\\u00e9", "limit": 12345678901234567890.10, "ids": "x", "fields": ["f"],
    "range": {"from": 1.00}, "names": {"a": "b"}, "initial": 1.50
  }`);
  assert.deepEqual([options.path, options.mode, options.size, options.share], ['aé', 'page', 100, undefined]);
  assert.deepEqual([options.limit, options.strict, options.ids, options.fields], ['12345678901234567890.10', false, ['x'], ['f']]);
  assert.deepEqual([options.range.from, options.range.to, options.names.a], ['1.00', undefined, 'b']);
  assert.equal(options.initial.json, '1.50');
  assert.equal(readOptions(OPTIONS, '{"path":"p"}').limit, '0.10');
  assert.deepEqual({ ...readOptions({}, '') }, {});
});

test('bad options say where and what was expected', () => {
  const cases = [
    ['{}', /option path is missing/],
    ['{"path":1}', /option path is a number; a string was expected/],
    ['{"path":"p","mode":"x"}', /option mode is "x"; one of page, offset was expected/],
    ['{"path":"p","size":1.5}', /option size is a number; a whole number below 2\^53/],
    ['{"path":"p","fields":["a",null]}', /option fields\[1\] is null; a string was expected/],
    ['{"path":"p","range":{"form":1}}', /option range\.form is not known; the options are: from, to/],
    ['{"path":"p","sise":1}', /option sise is not known; the options are: path, mode/],
    ['[1]', /the with block is an array; an object was expected/],
    ['{"path":', /the options are not JSON/],
  ];
  for (const [text, message] of cases) {
    assert.throws(() => readOptions(OPTIONS, text), { code: 'invalid-options', message }, text);
  }
});

test('a declaration that cannot work is refused when the module is loaded', () => {
  const rest = { start() {}, next() {} };
  assert.throws(() => extractor({ options: { a: 'string' }, ...rest }), /option a is declared as string; use string\(\)/);
  assert.throws(() => extractor({ options: { a: integer({ default: 'x' }) }, ...rest }), /the default of a is a string/);
  assert.throws(() => extractor({ start() {} }), /the extractor defines no next\(\); extractors need start and next/);
});
