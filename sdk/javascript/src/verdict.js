// A check's last word.

import { named } from './error.js';

export class Verdict {
  /**
   * @param {boolean} passed
   * @param {string} message one line: what was found, against what was asked for
   * @param {unknown} [observed] what was measured, as JSON, for the run's artifact
   */
  constructor(passed, message, observed = {}) {
    this.passed = passed;
    this.message = message;
    this.observed = observed;
  }
}

/** A verdict, whether it was made with `Verdict` or written as a plain object. */
export function verdictOf(value) {
  if (typeof value?.passed !== 'boolean' || typeof value.message !== 'string') {
    throw new TypeError(`finish() returned ${named(value)}; return new Verdict(passed, message, observed), `
      + 'where passed is true or false and message is a string');
  }
  return new Verdict(value.passed, value.message, value.observed ?? {});
}

export function verdictToWire({ passed, message, observed }) {
  return { passed, message, observed: JSON.stringify(observed) };
}

/** 64-bit counts as numbers: 2^53 records are more than any run has. */
export function countsOf({ sourceRows = 0, rows = 0, acknowledged, pages = 0 } = {}) {
  return {
    sourceRows: Number(sourceRows),
    rows: Number(rows),
    acknowledged: acknowledged === undefined ? undefined : Number(acknowledged),
    pages: Number(pages),
  };
}
