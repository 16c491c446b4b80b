// Help for a signer's unit tests. It needs Node.js, so it is no part of a component.

import { createHash, createHmac } from 'node:crypto';

/**
 * Computes a signature as the host would.
 * @param {import('./terms.js').Signature} signature
 * @param {Record<string, string>} [secrets] the granted secrets' values
 * @returns {{ headers: [string, string][], query: [string, string][] }}
 */
export function evaluate(signature, secrets = {}) {
  const { terms, headers, query } = signature.toWire();
  const values = [];
  for (const { tag, val } of terms) values.push(valueOf(tag, val, values, secrets));
  const texts = (placed) => placed.map(({ name, term }) => [name, values[term].toString('utf8')]);
  return { headers: texts(headers), query: texts(query) };
}

function valueOf(tag, val, values, secrets) {
  switch (tag) {
    case 'text':
      return Buffer.from(val, 'utf8');
    case 'bytes':
      return Buffer.from(val);
    case 'secret':
      if (!Object.hasOwn(secrets, val)) throw new Error(`the test gives no secret ${val}`);
      return Buffer.from(secrets[val], 'utf8');
    case 'concat':
      return Buffer.concat(Array.from(val, (index) => values[index]));
    case 'hashed':
      return createHash(val.hash).update(values[val.message]).digest();
    case 'hmac':
      return createHmac(val.hash, values[val.key]).update(values[val.message]).digest();
    default:
      return Buffer.from(encodedText(val.encoding, values[val.bytes]), 'utf8');
  }
}

function encodedText(encoding, bytes) {
  if (encoding !== 'percent') return bytes.toString(encoding);
  // RFC 3986: everything but the unreserved characters.
  return Array.from(bytes, (byte) => {
    const character = String.fromCharCode(byte);
    return /[A-Za-z0-9._~-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }).join('');
}
