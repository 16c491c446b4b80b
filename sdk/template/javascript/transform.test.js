import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Batch, unchanged } from '@dpone/sdk';

import plugin from './plugin.js';

const batch = () => Batch.forTest('{"country":" de"}\n{"country":null}\n{"id":3}\n{"country":7}\n');

test('text becomes capitals, and everything else stays', () => {
  const edits = plugin.forTest({ field: 'country' }).apply(batch());
  const [[field, column]] = edits.columns;
  assert.equal(field, 'country');
  assert.deepEqual(Array.from(column, (value) => value.json), ['"DE"', 'null', '', '7']);
  assert.equal(edits.mask, undefined);
});

test('records without the field are dropped where that is asked for', () => {
  const edits = plugin.forTest({ field: 'country', drop_missing: true }).apply(batch());
  assert.deepEqual([...edits.mask], [1, 0, 0, 1]);
});

test('a batch without the field stays as it is', () => {
  assert.equal(plugin.forTest({ field: 'city' }).apply(batch()), unchanged);
});
