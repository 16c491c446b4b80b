import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Request } from '@dpone/sdk';

import plugin from './plugin.js';

test('each value is a slice of its own', () => {
  const { slices, next } = plugin.forTest({ values: ['north', 'south'] }).start();
  assert.deepEqual(slices.map(({ id }) => id), ['shop:north', 'shop:south']);
  assert.deepEqual(slices[1].request, Request.unchanged().query('shop', 'south'));
  assert.equal(next, undefined);
});

test('a value that is given twice is refused', () => {
  assert.throws(() => plugin.forTest({ values: ['a', 'b', 'a'] }), { code: 'repeated-value' });
});

test('a value that cannot name a slice is refused', () => {
  assert.throws(() => plugin.forTest({ values: ['north and south'] }).start(), { code: 'slice-id' });
});
