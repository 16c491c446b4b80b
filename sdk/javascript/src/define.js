// The entry points of a plugin's module: `export default extractor({ … })` and its four sisters.

import { Batch } from './batch.js';
import { textOf } from './json.js';
import { KINDS, checkDefinition } from './kinds.js';
import { decodeState, encodeState } from './state.js';
import { outcomeToWire } from './edits.js';
import { sliceToWire } from './slices.js';
import { verdictToWire } from './verdict.js';

/** A plugin as a module exports it by default. */
export class Plugin {
  constructor(kind, definition) {
    checkDefinition(kind, definition);
    this.kind = kind;
    this.definition = definition;
  }

  /**
   * The configured plugin, for unit tests without a component: its calls take and give what the
   * plugin's own functions do. States pass through JSON as they do between real calls.
   * @param {object | string} [options] an object, or JSON text where a number must not be rounded
   * @param {{ recordsPath?: string, secrets?: string[] }} [settings]
   */
  forTest(options = {}, settings = {}) {
    const text = typeof options === 'string' ? options : textOf(options);
    const calls = KINDS[this.kind].open(this.definition, { ...settings, options: text });
    return TESTED[this.kind](calls, this.definition);
  }
}

/** A state as the next call gets it. */
function passed(state) {
  return decodeState(encodeState(state));
}

function withState(step) {
  step.state = passed(step.state);
  return step;
}

/** Writes an answer out as the component would, so that a test meets its mistakes too. */
function written(value, write) {
  write(value);
  return value;
}

const TESTED = {
  extractor: (calls) => ({
    start: () => withState(calls.start()),
    next: (page, state) => withState(calls.next(page, passed(state))),
    ahead: (state, n) => calls.ahead(passed(state), n),
  }),
  transform: (calls) => ({
    needs: calls.needs,
    apply: (batch) => written(calls.apply(restricted(batch, calls.needs)), outcomeToWire),
  }),
  check: (calls, { state: initial }) => {
    const start = (state) => decodeState(encodeState(state), initial);
    return {
      needs: calls.needs,
      stage: calls.stage,
      observe: (batch, state) => passed(calls.observe(restricted(batch, calls.needs), start(state))),
      finish: (counts, state) => written(calls.finish(counts, start(state)), verdictToWire),
    };
  },
  slicer: (calls) => ({
    start: (load = {}) => withState(sliced(calls.start({ startedAt: '2026-01-02T03:04:05Z', ...load }))),
    next: (page, state) => withState(sliced(calls.next(page, passed(state)))),
  }),
  signer: (calls) => ({ sign: (outgoing) => written(calls.sign(outgoing), (signature) => signature.toWire()) }),
};

function restricted(batch, needs) {
  if (!(batch instanceof Batch)) throw new TypeError('give a batch made with Batch.forTest(ndjson)');
  batch.handle().restrict(needs);
  return batch;
}

function sliced(step) {
  step.slices.forEach(sliceToWire);
  return step;
}

/** Walks a paginated API: says which request comes next and where a page's records are. */
export const extractor = (definition) => new Plugin('extractor', definition);
/** Changes the records of a page, one batch at a time. */
export const transform = (definition) => new Plugin('transform', definition);
/** Observes what passes and gives a verdict; it cannot change anything. */
export const check = (definition) => new Plugin('check', definition);
/** Cuts a load into slices: windows of time, parents, partitions. */
export const slicer = (definition) => new Plugin('slicer', definition);
/** Signs a source's requests. It says what is to be computed of which secret; the host computes. */
export const signer = (definition) => new Plugin('signer', definition);
