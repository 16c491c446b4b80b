// What lasts from call to call, as JSON. An instance may be dropped between any two calls, so
// nothing else of a plugin lasts.

import { PluginError, named } from './error.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Refuses what JSON would quietly change, because the next call would get something else. */
function checked(key, value) {
  const raw = this[key];
  const where = key === '' ? 'the state' : `${JSON.stringify(key)} in the state`;
  const refuse = (what, remedy) => {
    throw new TypeError(`${where} is ${what}, which JSON cannot hold; ${remedy}`);
  };
  switch (typeof raw) {
    case 'bigint':
      return refuse('a bigint', 'keep its text');
    case 'function':
    case 'symbol':
      return refuse(`a ${typeof raw}`, 'keep data only');
    case 'number':
      return Number.isFinite(raw) ? value : refuse(String(raw), 'keep null');
    case 'object': {
      if (raw === null || Array.isArray(raw)) return value;
      const prototype = Object.getPrototypeOf(raw);
      const plain = prototype === null || prototype === Object.prototype;
      return plain ? value : refuse(named(raw), 'keep plain objects, arrays, strings and numbers');
    }
    default:
      return value;
  }
}

/** Nothing becomes no bytes. */
export function encodeState(state) {
  return state === undefined ? new Uint8Array() : encoder.encode(JSON.stringify(state, checked));
}

/** No bytes become a copy of the initial state: an instance serves many calls. */
export function decodeState(bytes, initial) {
  if (bytes.length === 0) return initial === undefined ? undefined : JSON.parse(JSON.stringify(initial, checked));
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    throw new PluginError('invalid-state', `this is no state of this plugin: ${cause.message}`, { cause });
  }
}
