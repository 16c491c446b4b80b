import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { Outgoing } from '@dpone/sdk';
import { evaluate } from '@dpone/sdk/testing';

import plugin from './plugin.js';

const granted = { secrets: ['signing_key'] };

test('method, path and date are signed', () => {
  const request = Outgoing.forTest({ url: 'https://api.example.com/orders?page=2' });
  const signature = plugin.forTest({ key_id: 'shop-1' }, granted).sign(request);
  const { headers } = evaluate(signature, { signing_key: 'test key' });

  const message = 'GET\n/orders?page=2\nFri, 02 Jan 2026 03:04:05 GMT';
  const expected = createHmac('sha256', 'test key').update(message).digest('hex');
  assert.deepEqual(headers, [
    ['X-Date', 'Fri, 02 Jan 2026 03:04:05 GMT'],
    ['Authorization', `HMAC-SHA256 key_id="shop-1", signature="${expected}"`],
  ]);
});

test('without its grant it says which one is missing', () => {
  assert.throws(() => plugin.forTest({ key_id: 'shop-1' }), { code: 'missing-secret' });
});
