import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Page, Records, Request, Step } from '@dpone/sdk';

import plugin from './plugin.js';

const walk = plugin.forTest({}, { recordsPath: 'data' });

test('pages lead on until there is no cursor', () => {
  const first = walk.start();
  assert.deepEqual(first, Step.first(Request.unchanged(), { pages: 0 }));

  const more = walk.next(Page.forTest('{"data":[{"id":1}],"meta":{"next":"b2"}}'), first.state);
  assert.deepEqual(more, Step.more(Records.at('data'), Request.unchanged().query('cursor', 'b2'), { pages: 1 }));

  const last = walk.next(Page.forTest('{"data":[],"meta":{"next":null}}'), more.state);
  assert.deepEqual(last, Step.last(Records.at('data'), { pages: 2 }));
});

test('a long number is not rounded', () => {
  const { next } = walk.next(Page.forTest('{"meta":{"next":12345678901234567890}}'), { pages: 0 });
  assert.deepEqual(next, Request.unchanged().query('cursor', '12345678901234567890'));
});

test('another kind of cursor is an error', () => {
  const page = Page.forTest('{"meta":{"next":{"id":1}}}');
  assert.throws(() => walk.next(page, { pages: 0 }), { code: 'cursor-kind' });
});
