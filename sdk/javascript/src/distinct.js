// Sets that the host keeps for a check, in bounded memory whatever the number of rows.

import { Batch } from './batch.js';
import { host } from './host.js';

/** Natively: set name → value → its occurrences. */
const testSets = new Map();

export const distinct = {
  /**
   * Adds one value a record (all `fields` together) to this check's set of that name. A record where
   * any of the fields is missing or null is left out.
   * @param {string} set
   * @param {Batch} batch
   * @param {string[]} fields
   */
  add(set, batch, fields) {
    if (host.distinctAdd) host.distinctAdd(set, batch.handle(), fields);
    else addForTest(set, batch, fields);
  },

  /** What was added more than once. Only in `finish`. */
  repeats(set) {
    if (!host.distinctRepeats) return repeatsForTest(set);
    const { rows, examples } = host.distinctRepeats(set);
    return {
      rows: Number(rows),
      examples: examples.map(({ value, firstPage, firstRecord, secondPage, secondRecord }) => ({
        value,
        first: { page: Number(firstPage), record: firstRecord },
        second: { page: Number(secondPage), record: secondRecord },
      })),
    };
  },

  /** Forgets what earlier unit tests added; a new check starts with empty sets. */
  clearForTest() {
    testSets.clear();
  },
};

function addForTest(name, batch, fields) {
  const set = testSets.get(name) ?? new Map();
  testSets.set(name, set);
  const columns = fields.map((field) => batch.column(field));
  for (let record = 0; record < batch.length; record += 1) {
    if (columns.every((column) => column.isPresent(record))) {
      const value = `[${columns.map((column) => column.json(record)).join(',')}]`;
      set.set(value, [...(set.get(value) ?? []), { page: batch.handle().page, record }]);
    }
  }
}

function repeatsForTest(name) {
  const repeated = [...(testSets.get(name) ?? [])].filter(([, at]) => at.length > 1);
  return {
    rows: repeated.reduce((rows, [, at]) => rows + at.length - 1, 0),
    examples: repeated.slice(0, 10).map(([value, [first, second]]) => ({ value, first, second })),
  };
}
