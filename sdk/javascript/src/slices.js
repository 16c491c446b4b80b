// A slicer's answer: the parts of a load.

import { PluginError, named } from './error.js';
import { Request, requestOf } from './request.js';

const ID = /^[A-Za-z0-9_.:-]{1,200}$/;

/**
 * A part of a load, which is loaded, judged and checkpointed on its own.
 * @param {string} id names the slice from run to run, and its row of state: 1 to 200 letters,
 *   digits, `_-.:`
 * @param {{ request?: Request, lower?: string, upper?: string }} [of] what every request of the
 *   slice varies, and bounds of the cursor field within those of the load
 */
export function slice(id, { request = Request.unchanged(), lower, upper } = {}) {
  // Ids often come from data, so a bad one is what the data says and no fault of the plugin.
  if (typeof id !== 'string' || !ID.test(id)) {
    throw new PluginError('slice-id', `${JSON.stringify(id)} is no id of a slice; `
      + '1 to 200 letters, digits, "_", "-", "." and ":" were expected');
  }
  return { id, request: requestOf(request, `the request of slice ${id}`), lower, upper };
}

/** A slicer's step. */
export class SliceStep {
  constructor(slices, next, state) {
    this.slices = slices;
    this.next = next;
    this.state = state;
  }

  /** A request whose answer lists slices. */
  static first(request, state) {
    return new SliceStep([], request, state);
  }

  /** Slices that more will follow, found in the answer of a request. */
  static more(slices, request, state) {
    return new SliceStep(slices, request, state);
  }

  /** The list's last slices. */
  static last(slices, state) {
    return new SliceStep(slices, undefined, state);
  }
}

/** A step, whether it was made with `SliceStep` or is a plain list of the last slices. */
export function sliceStepOf(value, call) {
  const step = Array.isArray(value) ? SliceStep.last(value) : value;
  if (!Array.isArray(step?.slices)) {
    throw new TypeError(`${call}() returned ${named(value)}; `
      + 'return SliceStep.first, SliceStep.more, SliceStep.last or a list of slices');
  }
  const slices = step.slices.map((one) => slice(one?.id, one));
  const next = step.next === undefined ? undefined : requestOf(step.next, `the next request of ${call}()`);
  return new SliceStep(slices, next, step.state);
}

export function sliceToWire({ id, request, lower, upper }) {
  return { id, request: request.toWire(), lower, upper };
}
