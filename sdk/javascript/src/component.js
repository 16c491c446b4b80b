// Between the component's raw calls and the plugin's functions. Only the build uses it.
//
// Two kinds of errors cross here, and nothing else: a thrown `PluginError` is an answer, anything
// else is a fault, whose text goes to the host before the trap that ends the instance.

import { Batch } from './batch.js';
import { outcomeToWire } from './edits.js';
import { PluginError } from './error.js';
import { connect } from './host.js';
import { instanceOf } from './kinds.js';
import { optionsSchema } from './options.js';
import { Page } from './page.js';
import { sliceToWire } from './slices.js';
import { describeError, placesOf } from './stack.js';
import { decodeState, encodeState } from './state.js';
import { Outgoing } from './terms.js';
import { verdictToWire } from './verdict.js';

/**
 * The functions that the component exports.
 * @param {import('./define.js').Plugin} plugin
 * @param {{ name: string, version: string, host: object, distinct?: object, http?: object, map: object }} of
 */
export function component({ kind, definition }, { name, version, host, distinct, http, map }) {
  const placeOf = placesOf(map);
  connect({ log: host.log, distinctAdd: distinct?.add, distinctRepeats: distinct?.repeats, httpSend: http?.send });
  adaptGlobals(host);

  const guarded = (call) => (...args) => {
    try {
      return call(...args);
    } catch (error) {
      host.panicked(describeError(error, placeOf));
      // An error with a code of its own would pass for a plugin's answer: this one cannot.
      throw new Error('the plugin failed');
    }
  };
  const answering = (call) => guarded((...args) => {
    try {
      return { tag: 'ok', val: call(...args) };
    } catch (error) {
      if (error instanceof PluginError) return { tag: 'err', val: errorToWire(error) };
      throw error;
    }
  });

  const instance = instanceOf(kind, definition);
  const calls = Object.entries(WIRE[kind](instance, definition));
  return {
    describe: guarded(() => ({ name, version, optionsSchema: optionsSchema(definition.options ?? {}) })),
    ...Object.fromEntries(calls.map(([call, run]) => [call, answering(run)])),
  };
}

function errorToWire({ code, message, record, field, blames }) {
  return {
    code: String(code),
    message: String(message),
    record: record === undefined ? undefined : Number(record),
    field: field === undefined ? undefined : String(field),
    blames,
  };
}

function stepToWire({ records, next, ended, state }) {
  return { records: records.toWire(), next: next?.toWire(), ended, state: encodeState(state) };
}

function sliceStepToWire({ slices, next, state }) {
  return { slices: slices.map(sliceToWire), next: next?.toWire(), state: encodeState(state) };
}

const WIRE = {
  extractor: (instance) => ({
    configure(settings) {
      instance.configure(settings);
    },
    start: () => stepToWire(instance.calls().start()),
    next: (page, state) => stepToWire(instance.calls().next(new Page(page), decodeState(state))),
    ahead: (state, n) => instance.calls().ahead(decodeState(state), n).map((request) => request.toWire()),
  }),
  transform: (instance) => ({
    configure: (options) => instance.configure({ options }).needs,
    apply: (batch) => outcomeToWire(instance.calls().apply(new Batch(batch))),
  }),
  check: (instance, { state: initial }) => ({
    configure(options) {
      const { needs, stage } = instance.configure({ options });
      return { needs, stage };
    },
    observe: (batch, state) =>
      encodeState(instance.calls().observe(new Batch(batch), decodeState(state, initial))),
    finish: (counts, state) => verdictToWire(instance.calls().finish(counts, decodeState(state, initial))),
  }),
  slicer: (instance) => ({
    configure(options) {
      instance.configure({ options });
    },
    start: (load) => sliceStepToWire(instance.calls().start(load)),
    next: (page, state) => sliceStepToWire(instance.calls().next(new Page(page), decodeState(state))),
  }),
  signer: (instance) => ({
    configure(settings) {
      instance.configure(settings);
    },
    sign: (outgoing) => instance.calls().sign(Outgoing.fromWire(outgoing)).toWire(),
  }),
};

/** Makes the globals that people reach for do what the sandbox promises. */
function adaptGlobals(host) {
  const levels = { debug: 'debug', log: 'info', info: 'info', warn: 'warn', error: 'error', trace: 'debug' };
  for (const [method, level] of Object.entries(levels)) {
    globalThis.console[method] = (...values) => host.log(level, values.map(shown).join(' '));
  }
  // The engine seeds its own generator once an instance. The host's random is set anew for each
  // call, so that a call gives the same numbers again whatever the instance did before.
  const word = new Uint32Array(2);
  Math.random = () => {
    crypto.getRandomValues(word);
    return (word[0] * 2 ** 21 + (word[1] >>> 11)) / 2 ** 53;
  };
  globalThis.fetch = () => {
    throw new Error('a plugin opens no connections: return a Request, and the host sends it');
  };
}

function shown(value) {
  if (typeof value === 'string') return value;
  if (value instanceof Error) return String(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
