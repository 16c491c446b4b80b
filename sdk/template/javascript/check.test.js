import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Batch } from '@dpone/sdk';

import plugin from './plugin.js';

function judge(max_share, ...pages) {
  const check = plugin.forTest({ field: 'email', max_share });
  let state;
  for (const ndjson of pages) state = check.observe(Batch.forTest(ndjson), state);
  return check.finish({}, state);
}

test('nulls and missing values count, over all pages', () => {
  const verdict = judge(0.5, '{"email":"a"}\n{"email":null}\n', '{"email":"b"}\n{}\n');
  assert.equal(verdict.passed, true);
  assert.deepEqual(verdict.observed, { rows: 4, nulls: 2, share: 0.5 });
});

test('a greater share fails', () => {
  assert.equal(judge(0.4, '{"email":"a"}\n{"email":null}\n').passed, false);
});

test('no rows have no nulls', () => {
  assert.equal(judge(0).passed, true);
});
