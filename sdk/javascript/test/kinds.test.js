import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  Batch, Column, Edits, Outgoing, Page, PluginError, Records, Request, Signature, SliceStep, Step, Verdict, check, decimal,
  distinct, extractor, replaced, secret, signer, slice, slicer, string, term, transform, unchanged,
} from '../src/index.js';
import { evaluate } from '../src/testing.js';

const pages = (next, rest = {}) => extractor({ start: () => Step.first(Request.unchanged(), {}), next, ...rest }).forTest();

test('a request never changes, and is written as the contract has it', () => {
  const base = Request.unchanged().query('a', 1);
  const more = base.query('b', secret('s')).body('c', [1]).bodyJson('d', '1.10').header('h', 'x').method('POST').path('/p');
  assert.deepEqual(base.toWire().query, [{ name: 'a', value: { tag: 'text', val: '1' } }]);
  assert.deepEqual(more.toWire(), {
    url: undefined,
    query: [{ name: 'a', value: { tag: 'text', val: '1' } }, { name: 'b', value: { tag: 'secret', val: 's' } }],
    body: [{ name: 'c', value: { tag: 'text', val: '[1]' } }, { name: 'd', value: { tag: 'text', val: '1.10' } }],
    headers: [{ name: 'h', value: { tag: 'text', val: 'x' } }],
    method: 'POST',
    path: '/p',
    mayBePastEnd: false,
  });
  assert.equal(Request.toUrl('/next').toWire().url, '/next');
  assert.throws(() => base.query('n', 1.5), /the query parameter n is the number 1.5; give a string, a whole number/);
  assert.throws(() => base.query('n', undefined), /is nothing/);
});

test('a walk keeps its state as JSON, and refuses what JSON cannot hold', () => {
  const walk = pages((page, state) => Step.more(Records.at(''), Request.unchanged(), { n: (state.n ?? 0) + 1 }));
  assert.deepEqual(walk.next(Page.forTest('{}'), walk.start().state).state, { n: 1 });
  for (const [state, message] of [
    [{ seen: new Set() }, /"seen" in the state is a Set, which JSON cannot hold/],
    [{ n: 1n }, /"n" in the state is a bigint.*keep its text/],
    [{ at: new Date() }, /"at" in the state is a Date/],
    [NaN, /the state is NaN/],
  ]) {
    assert.throws(() => pages(() => Step.last(Records.none(), state)).next(Page.forTest('')), message);
  }
});

test('wrong answers of an extractor are named', () => {
  const answered = (value) => () => pages(() => value).next(Page.forTest(''));
  assert.throws(answered(undefined), /next\(\) returned nothing; return Step.first, Step.more or Step.last/);
  assert.throws(answered(Promise.resolve()), /next\(\) returned a promise; take away its async/);
  assert.throws(answered(Step.more('data', Request.unchanged())), /the records of the step.*Records.at\(path\)/);
  assert.throws(answered(Step.more(Records.none(), 'https://x')), /the next request of next\(\) is the string https:\/\/x/);
});

test('ahead gives at most what is asked for, and nothing by default', () => {
  const ahead = (state, n) => Array.from({ length: n + 5 }, (_, i) => Request.unchanged().query('page', state.page + i));
  assert.equal(pages(() => {}, { ahead }).ahead({ page: 2 }, 3).length, 3);
  assert.deepEqual(pages(() => {}).ahead({}, 3), []);
});

test('a page ends with its call', () => {
  let kept;
  const walk = pages((page) => {
    kept = page;
    return Step.last(Records.rows([{ a: page.status }]));
  });
  assert.deepEqual(walk.next(Page.forTest('')).records, Records.bytes('{"a":200}\n'));
  assert.throws(() => kept.status, /this page belongs to an earlier call/);
});

test('a transform reads what it declared, and answers one value a record', () => {
  const run = (apply, needs = { fields: ['a'] }) =>
    transform({ needs: () => needs, apply }).forTest().apply(Batch.forTest('{"a":1}\n{"a":2}\n'));
  assert.equal(run(() => unchanged), unchanged);
  const edits = run((batch) => new Edits().keep([true, false]).rename('a', 'b').drop('c').set('a', batch.column('a')));
  assert.deepEqual(edits.toWire().rename, [{ fromName: 'a', toName: 'b' }]);
  assert.deepEqual([...edits.toWire().keep], [1, 0]);
  assert.deepEqual(run(() => replaced('{}\n')).ndjson, new TextEncoder().encode('{}\n'));
  assert.throws(() => run((batch) => batch.column('b')), /the field "b" was not declared; name it in `needs`/);
  assert.throws(() => run((batch) => batch.bytes()), /set `bytes: true` in `needs`/);
  assert.throws(() => run(() => undefined), /apply\(\) returned nothing; return new Edits\(\), replaced\(ndjson\) or unchanged/);
  assert.throws(() => run(() => new Edits().keep([true])), /the mask of keep\(\) has 1 entries for 2 records/);
  assert.throws(() => run(() => new Edits().set('a', new Column())), /the column set as a has 0 entries for 2 records/);
});

test('a check changes its state in place or returns a new one', () => {
  const options = { max: decimal() };
  const finish = (counts, state, context) => new Verdict(state.n <= 2, `${state.n} up to ${context.options.max}`, state);
  const state = { n: 0 };
  for (const observe of [(batch, s) => void (s.n += batch.length), (batch, s) => ({ n: s.n + batch.length })]) {
    const counted = check({ options, state, observe, finish }).forTest('{"max":1.10}');
    const after = counted.observe(Batch.forTest('{}\n{}\n'));
    assert.deepEqual(counted.finish({ rows: 2 }, after), new Verdict(true, '2 up to 1.10', { n: 2 }));
    assert.deepEqual(state, { n: 0 }, 'the initial state is copied');
  }
  assert.throws(() => check({ observe() {}, finish: () => true }).forTest().finish({}), /finish\(\) returned the boolean true/);
});

test('distinct sets find repeats over pages', () => {
  distinct.clearForTest();
  distinct.add('keys', Batch.forTest('{"a":1}\n{"a":null}\n{"a":2}\n'), ['a']);
  distinct.add('keys', Batch.forTest('{"a":2}\n{}\n', { page: 2 }), ['a']);
  assert.deepEqual(distinct.repeats('keys'), {
    rows: 1,
    examples: [{ value: '[2]', first: { page: 1, record: 2 }, second: { page: 2, record: 0 } }],
  });
});

test('a slicer lists slices at once or page by page', () => {
  const listed = slicer({
    start: () => SliceStep.first(Request.unchanged().query('list', 'shops'), { n: 0 }),
    next: (page, { n }) => SliceStep.last(page.value('shops').elements().map((shop) => slice(`shop:${shop.text()}`)), { n: n + 1 }),
  }).forTest();
  const step = listed.next(Page.forTest('{"shops":["a","b"]}'), listed.start().state);
  assert.deepEqual([step.slices.map(({ id }) => id), step.state, step.next], [['shop:a', 'shop:b'], { n: 1 }, undefined]);
  assert.equal(slicer({ start: ({ upper }) => [slice('all', { upper })] }).forTest().start({ upper: '7' }).slices[0].upper, '7');
  assert.throws(() => slice('a b'), { code: 'slice-id', message: /"a b" is no id of a slice/ });
  assert.throws(() => slicer({ start: () => 'x' }).forTest().start(), /start\(\) returned the string x/);
});

test('a signature is a list of terms, each computed once', () => {
  const key = term.hmac('sha256', term.secret('k'), 'day');
  const plugin = signer({
    options: { prefix: string() },
    sign: (request, { options }) =>
      new Signature()
        .header('A', term.concat(options.prefix, term.base64(term.hmac('sha256', key, request.path))))
        .query('sig', term.percent(term.hash('sha1', key))),
  }).forTest({ prefix: 'V1 ' }, { secrets: ['k'] });
  const signature = plugin.sign(Outgoing.forTest());
  const { terms, headers } = signature.toWire();
  assert.equal(terms.filter(({ tag }) => tag === 'secret').length, 1);
  assert.deepEqual(terms[headers[0].term].tag, 'concat');
  const { headers: [[, value]], query: [[, percent]] } = evaluate(signature, { k: 'key' });
  assert.match(value, /^V1 [A-Za-z0-9+/]{43}=$/);
  assert.match(percent, /^(%[0-9A-F]{2}|[A-Za-z0-9._~-])+$/);
  assert.throws(() => term.hash('md5', 'x'), /there is no hash "md5"; the host has sha1, sha256, sha512/);
  assert.throws(() => new Signature().header('A', term.hash('sha1', 'x')), /the header A would be bytes; encode them with term.hex/);
});

test('an error names its record and field', () => {
  assert.equal(String(new PluginError('no', 'why', { record: 3, field: 'f' })), 'no: why (record 3) (field f)');
});
