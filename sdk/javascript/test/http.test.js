// Requests of a plugin's own, as far as they go without a host.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { connect, host } from '../src/host.js';
import { PluginError, http, secret } from '../src/index.js';

test('in a unit test nobody sends a request', () => {
  assert.throws(() => http.get('https://geo.example.com'), (error) => error instanceof PluginError && error.code === 'http');
});

test('a request reaches the host as it was made, and the answer comes back', () => {
  const sent = [];
  const before = host.httpSend;
  connect({
    httpSend: (request) => {
      sent.push(request);
      return { status: 404, headers: [{ name: 'X-Why', value: 'gone' }], body: new TextEncoder().encode('{"n":1}') };
    },
  });
  const answer = http.send({ url: 'https://geo.example.com', method: 'POST', headers: { 'X-Key': secret('geo'), 'X-N': 3 }, body: '{}' });
  connect({ httpSend: before });
  assert.deepEqual(sent[0].headers, [
    { name: 'X-Key', value: { tag: 'secret', val: 'geo' } },
    { name: 'X-N', value: { tag: 'text', val: '3' } },
  ]);
  assert.deepEqual([sent[0].method, [...sent[0].body]], ['POST', [123, 125]]);
  assert.deepEqual([answer.status, answer.header('x-why'), answer.json()], [404, 'gone', { n: 1 }]);
});

test('the reason why there was no answer is the plugin\'s own error', () => {
  const before = host.httpSend;
  connect({ httpSend: () => { throw Object.assign(new Error('component error'), { payload: 'it timed out' }); } });
  assert.throws(() => http.get('https://geo.example.com'), /it timed out/);
  connect({ httpSend: before });
});
