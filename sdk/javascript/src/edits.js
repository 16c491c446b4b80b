// A transform's answer.

import { Column } from './column.js';
import { named } from './error.js';
import { ndjsonBytes } from './request.js';

/** The batch stays as it is. */
export const unchanged = Object.freeze({ tag: 'unchanged' });

/** The batch's new records; any number of them. */
export class Replaced {
  constructor(ndjson) {
    this.ndjson = ndjson;
  }
}

/** New records as NDJSON, in place of the batch's. */
export function replaced(ndjson) {
  return new Replaced(ndjsonBytes(ndjson, "replaced's argument"));
}

/**
 * Edits to a batch, applied in the order keep, rename, drop, set. What they do not touch stays byte
 * for byte.
 */
export class Edits {
  mask;
  renames = [];
  drops = [];
  columns = [];

  /** Keeps the records whose entry is true; one entry a record. */
  keep(records) {
    this.mask = Uint8Array.from(records, (keep) => (keep ? 1 : 0));
    return this;
  }

  rename(from, to) {
    this.renames.push([from, to]);
    return this;
  }

  /** Leaves the field out of every record. */
  drop(field) {
    this.drops.push(field);
    return this;
  }

  /** Sets the field, one value a record; a missing value leaves the field out. */
  set(field, values) {
    if (!(values instanceof Column)) {
      throw new TypeError(`the values of ${field} are ${named(values)}; make them with new Column() or column.mapText`);
    }
    this.columns.push([field, values]);
    return this;
  }

  toWire() {
    return {
      keep: this.mask,
      rename: this.renames.map(([fromName, toName]) => ({ fromName, toName })),
      drop: this.drops,
      set: this.columns.map(([field, values]) => ({ field, values: values.toParts() })),
    };
  }
}

/** Checks an outcome against the batch it is for: here the message can name what is wrong. */
export function outcomeOf(value, length) {
  if (value === unchanged || value instanceof Replaced) return value;
  if (!(value instanceof Edits)) {
    throw new TypeError(`apply() returned ${named(value)}; return new Edits(), replaced(ndjson) or unchanged`);
  }
  const count = (what, found) => {
    if (found !== length) throw new RangeError(`${what} has ${found} entries for ${length} records; give one a record`);
  };
  if (value.mask) count('the mask of keep()', value.mask.length);
  value.columns.forEach(([field, values]) => count(`the column set as ${field}`, values.length));
  return value;
}

export function outcomeToWire(outcome) {
  if (outcome === unchanged) return { tag: 'unchanged' };
  if (outcome instanceof Replaced) return { tag: 'replaced', val: outcome.ndjson };
  return { tag: 'edited', val: outcome.toWire() };
}
