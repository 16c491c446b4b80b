import assert from 'node:assert/strict';
import { test } from 'node:test';

import { AnswerError, PluginError, Records, Request, Step, check, distinct, extractor, log, string, transform } from '../src/index.js';
import { component } from '../src/component.js';
import { placesOf, userFrame, withPlaces } from '../src/stack.js';

const PLACES = { sources: [null, 'lib/a.js', 'node_modules/b/b.js'], lines: { 10: [0, 1, 3, 20, 1, 4], 12: [0, 2, 9] } };

/** A component before a host that notes what it is told; globals are put back afterwards. */
function guest(plugin, of = {}) {
  const told = { log: [], panics: [] };
  const host = { log: (level, text) => told.log.push([level, text]), panicked: (text) => told.panics.push(text) };
  const before = { ...globalThis.console };
  const { random } = Math;
  const { fetch } = globalThis;
  const calls = component(plugin, { name: 'orders', version: '1.0.0', host, map: PLACES, ...of });
  const used = { console: { ...globalThis.console }, random: Math.random, fetch: globalThis.fetch };
  Object.assign(globalThis.console, before);
  Math.random = random;
  globalThis.fetch = fetch;
  return { calls, told, used };
}

const walk = (next) => extractor({ options: { a: string({ default: 'x' }) }, start: () => Step.first(Request.unchanged(), 1), next });
const settings = { options: '{}', recordsPath: 'data' };
const page = { status: () => 200, get: () => '"v"' };

test('calls are answered in the shapes of the contract', () => {
  const { calls } = guest(walk((page, state, { recordsPath }) => Step.last(Records.at(recordsPath), state + page.status)));
  assert.equal(calls.describe().name, 'orders');
  assert.equal(JSON.parse(calls.describe().optionsSchema).properties.a.type, 'string');
  assert.deepEqual(calls.start(), { tag: 'err', val: { code: 'not-configured', message: 'the host did not call configure', record: undefined, field: undefined, blames: 'plugin' } });
  assert.deepEqual(calls.configure(settings), { tag: 'ok', val: undefined });
  const { val: { state } } = calls.start();
  assert.deepEqual(calls.next(page, state).val, {
    records: { tag: 'at', val: 'data' }, next: undefined, ended: undefined, state: new TextEncoder().encode('201'),
  });
  assert.equal(calls.configure(settings).val.code, 'configured-twice');
  assert.equal(calls.next(page, new TextEncoder().encode('{')).val.code, 'invalid-state');
  assert.deepEqual(calls.ahead(state, 4), { tag: 'ok', val: [] });
});

test('a thrown PluginError is an answer, anything else is a fault with its text', () => {
  const said = guest(walk(() => { throw new PluginError('no', 'because', { record: 2, field: 'f' }); }));
  said.calls.configure(settings);
  assert.deepEqual(said.calls.next(page, new Uint8Array()).val, { code: 'no', message: 'because', record: 2, field: 'f', blames: 'plugin' });

  for (const [thrown, text] of [
    [new TypeError('broken'), 'TypeError: broken'],
    ['bare', 'uncaught: bare'],
    [Object.assign(new Error('has a code'), { code: 'E' }), 'Error: has a code'],
    [new Error('outer', { cause: new Error('inner') }), 'Error: outer; caused by Error: inner'],
  ]) {
    const { calls, told } = guest(walk(() => { throw thrown; }));
    calls.configure(settings);
    assert.throws(() => calls.next(page, new Uint8Array()), { message: 'the plugin failed' });
    assert.deepEqual(told.panics, [text]);
  }
});

test('a walk says why it ends, and an error may blame the answer', () => {
  const ends = guest(walk(() => Step.last(Records.none(), 1).because('cursor-null', 'next is null', { lookedAt: 'next' })));
  ends.calls.configure(settings);
  const { ended } = ends.calls.next(page, new Uint8Array()).val;
  assert.deepEqual(ended, { reason: 'cursor-null', message: 'next is null', lookedAt: 'next' });

  const goes = guest(walk(() => Step.more(Records.none(), Request.unchanged().mayBePastEnd(), 1)));
  goes.calls.configure(settings);
  assert.equal(goes.calls.next(page, new Uint8Array()).val.next.mayBePastEnd, true);

  const blames = guest(walk(() => { throw new AnswerError('cursor-kind', 'an object'); }));
  blames.calls.configure(settings);
  assert.equal(blames.calls.next(page, new Uint8Array()).val.blames, 'answer');

  const wrong = guest(walk(() => ({ records: Records.none(), state: 1, ended: { reason: 7 } })));
  wrong.calls.configure(settings);
  assert.throws(() => wrong.calls.next(page, new Uint8Array()));
  assert.match(wrong.told.panics[0], /because\(reason, message\)/);
});

test('checks and transforms say what they need', () => {
  const counted = guest(check({ state: { n: 1 }, stage: 'after-delivery', needs: () => ({ fields: ['a'] }), observe: (b, s) => void (s.n += b.length), finish: (c, s) => ({ passed: true, message: 'm', observed: { ...s, rows: c.rows } }) }));
  assert.deepEqual(counted.calls.configure('').val, { needs: { fields: ['a'], bytes: false }, stage: 'after-delivery' });
  const { val: state } = counted.calls.observe({ len: () => 4 }, new Uint8Array());
  const { val } = counted.calls.finish({ sourceRows: 5n, rows: 5n, acknowledged: undefined, pages: 1n }, state);
  assert.deepEqual(val, { passed: true, message: 'm', observed: '{"n":5,"rows":5}' });
  const wrong = guest(transform({ needs: () => ['a'], apply() {} }));
  wrong.calls.configure('');
  assert.deepEqual(wrong.told.panics, []);
});

test('the log, console, random and sets are the host\'s', () => {
  const sets = { add: (...args) => sets.added.push(args), repeats: () => ({ rows: 1n, examples: [{ value: '[1]', firstPage: 1n, firstRecord: 0, secondPage: 2n, secondRecord: 3 }] }), added: [] };
  const { told, used } = guest(walk(() => {}), { distinct: sets });
  log.warn('w');
  used.console.log('a', { b: 1 }, new Error('e'));
  assert.deepEqual(told.log, [['warn', 'w'], ['info', 'a {"b":1} Error: e']]);
  const drawn = used.random();
  assert.ok(drawn >= 0 && drawn < 1);
  assert.throws(() => used.fetch('x'), /a plugin opens no connections/);
  assert.deepEqual(distinct.repeats('s').examples[0].second, { page: 2, record: 3 });
});

test('places lead back to the user\'s own lines', () => {
  const placeOf = placesOf(PLACES);
  assert.deepEqual(placeOf(10, 5), { file: 'lib/a.js', line: 3 });
  assert.deepEqual(placeOf(10, 25), { file: 'lib/a.js', line: 4 });
  assert.equal(placeOf(11, 1), undefined);
  const stack = 'sdk@plugin-bundle.js:3:1\nparse@plugin-bundle.js:12:1\nwork/<@plugin-bundle.js:10:30\nx@initializer.js:9:1\n';
  assert.deepEqual(userFrame(stack, placeOf), { file: 'lib/a.js', line: 4, name: 'work/<' });
  assert.equal(userFrame('parse@plugin-bundle.js:12:1', placeOf).file, 'node_modules/b/b.js');
  assert.equal(withPlaces('at (file:///x/plugin-bundle.js:10:2) y', placeOf), 'at (lib/a.js:3) y');
});
