import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Batch, Column, Kind, Page, Value, compareNumbers } from '../src/index.js';
import { elementsOf, fieldsOf } from '../src/json.js';

const TEXTS = ['', 'null', 'false', 'true', '-0.0', '1E400', '"a\\u00e9"', '[1, 2]', '{"a" : 1}'];
const bytes = (text) => new TextEncoder().encode(text);

test('documents are cut without touching their values', () => {
  const fields = fieldsOf(' { "a" : 1.10 , "b\\n":"x,}\\"", "c":[1,{"d":"]"}], "e":{}, "a":2E1 } ');
  assert.deepEqual([...fields], [['a', '2E1'], ['b\n', '"x,}\\""'], ['c', '[1,{"d":"]"}]'], ['e', '{}']]);
  assert.deepEqual(elementsOf('[ 1.0 ,"a", [2] , 123456789012345678901234567890]'), [
    '1.0', '"a"', '[2]', '123456789012345678901234567890',
  ]);
  assert.deepEqual([elementsOf('[]'), elementsOf('{}'), fieldsOf('{ }').size, fieldsOf('1')], [[], undefined, 0, undefined]);
});

test('values come back byte for byte', () => {
  const column = new Column(TEXTS);
  assert.deepEqual(Array.from(column, (value) => value.json), TEXTS);
  assert.deepEqual(Array.from(column, (value) => value.kind), [0, 1, 2, 3, 4, 4, 5, 6, 7]);
  assert.equal(column.text(6), 'aé');
  assert.equal(column.countPresent(), 7);
  assert.deepEqual(column.get(99), new Value(''));
});

test('columns survive the way to the host and back, in ASCII and beyond it', () => {
  for (const texts of [TEXTS, ['"é"', '', '"😀"', '"plain"', 'null'], []]) {
    const parts = new Column(texts).toParts();
    assert.equal(parts.offsets.length, texts.length + 1);
    assert.equal(parts.offsets.at(-1), bytes(texts.join('')).length);
    const back = Column.fromParts(parts);
    assert.deepEqual(Array.from(back, (value) => value.json), texts);
    back.pushText('new');
    assert.equal(back.length, texts.length + 1);
    assert.equal(back.json(0), texts.length > 0 ? texts[0] : '"new"');
    assert.equal(parts.kinds.length, texts.length, 'what the host handed over stays');
  }
});

test('pushed strings are escaped, and null and undefined are null and missing', () => {
  const column = Column.ofTexts(['a"b\n', null, undefined]);
  assert.deepEqual(Array.from(column, (value) => value.json), ['"a\\"b\\n"', 'null', '']);
  assert.throws(() => column.pushJson(1), /pushJson takes JSON text and got the number 1/);
});

test('mapText leaves everything but strings alone', () => {
  const column = new Column(['"a"', '1.10', 'null', '', '"b"']).mapText((text) => (text === 'b' ? undefined : `${text}!`));
  assert.deepEqual(Array.from(column, (value) => value.json), ['"a!"', '1.10', 'null', '', '']);
});

test('accessors refuse other kinds', () => {
  const values = ['"7"', '7', 'true', '[1.0]', '{"a":2}'].map((json) => new Value(json));
  assert.deepEqual(values.map((value) => value.numberText()), [undefined, '7', undefined, undefined, undefined]);
  assert.deepEqual(values.map((value) => value.boolean()), [undefined, undefined, true, undefined, undefined]);
  assert.equal(values[3].elements()[0].json, '1.0');
  assert.equal(values[4].fields().get('a').json, '2');
  assert.deepEqual([values[0].kindName, new Value('').kindName], ['a string', 'missing']);
});

test('numbers compare exactly', () => {
  const ascending = [
    '-1E400', '-10', '-9.99', '-1e-400', '0', '1E-400', '0.01', '0.1', '0.10000000000000000000001', '1', '1.05', '1.10',
    '9', '10', '9007199254740992', '9007199254740993', '9007199254740993.5', '123456789012345678901234567890', '1E400',
  ];
  ascending.forEach((a, i) => ascending.forEach((b, j) => {
    assert.equal(Math.sign(compareNumbers(a, b)), Math.sign(i - j), `${a} ${b}`);
  }));
  for (const [a, b] of [['1.10', '1.1'], ['-0.0', '0'], ['1e2', '100'], ['0.001', '1E-3'], ['12000', '1.2e+4']]) {
    assert.equal(compareNumbers(a, b), 0, `${a} ${b}`);
  }
  assert.throws(() => compareNumbers('01', '1'), /not the text of a JSON number/);
});

test('test pages answer like the host', () => {
  const page = Page.forTest('{"data":{"items":[{"id":1},{"id":2.50}],"a.b":"x\\ny"},"one":{}}');
  assert.equal(page.get('data.items.1.id'), '2.50');
  assert.equal(page.text('data.a\\.b'), 'x\ny');
  assert.deepEqual([page.get('data.none'), page.get('data.items.2'), page.get('one')], [undefined, undefined, '{}']);
  assert.deepEqual([page.count('data.items'), page.count('one'), page.count('data.a')], [2, 1, undefined]);
  assert.equal(page.last('data.items'), '{"id":2.50}');
  assert.equal(page.value('data.items.0.id').numberText(), '1');
  assert.equal(page.status, 200);
  const headed = Page.forTest({ headers: [['Link', '<a>'], ['link', '<b>'], ['other', 'c']], body: 'no json', status: 429 });
  assert.deepEqual([headed.header('LINK'), headed.get(''), headed.bodyText(), headed.status], [['<a>', '<b>'], undefined, 'no json', 429]);
});

test('test batches answer like the host', () => {
  const batch = Batch.forTest('{"a":1.10,"b":"x"}\n{"a":null}\n');
  assert.equal(batch.length, 2);
  assert.deepEqual(Array.from(batch.column('a'), (value) => value.json), ['1.10', 'null']);
  assert.deepEqual(Array.from(batch.column('b'), (value) => value.kind), [Kind.string, Kind.missing]);
  assert.deepEqual(batch.lines(), ['{"a":1.10,"b":"x"}', '{"a":null}']);
  assert.throws(() => Batch.forTest('{}\n[1]'), /line 2 of the test batch is no JSON object/);
});
