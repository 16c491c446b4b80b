// The records of one page, as transforms and checks may ask about them.

import { Column } from './column.js';
import { closed } from './page.js';
import { TestBatch } from './stand-in.js';

const decoder = new TextDecoder();

/** A handle: nothing crosses into the plugin before it is asked for. */
export class Batch {
  #host;
  #length;

  constructor(host) {
    this.#host = host;
  }

  /**
   * A batch for unit tests.
   * @param {string} ndjson the records, one JSON object a line
   * @param {{ page?: number }} [at] the page of the walk that it stands for; they count from 1
   */
  static forTest(ndjson, at = {}) {
    return new Batch(new TestBatch(ndjson, at.page ?? 1));
  }

  /** How many records there are. */
  get length() {
    this.#length ??= this.#host.len();
    return this.#length;
  }

  /** The column of a field that `needs` declared; another one is refused. */
  column(field) {
    const column = this.#host.column(field);
    return column instanceof Column ? column : Column.fromParts(column);
  }

  /** The records as NDJSON, one a line; only where `needs` declared bytes. */
  bytes() {
    return this.#host.bytes();
  }

  /** The records' lines as JSON text; only where `needs` declared bytes. */
  lines() {
    const lines = decoder.decode(this.#host.bytes()).split('\n');
    if (lines.at(-1) === '') lines.pop();
    return lines;
  }

  /** Ends the batch with its call. */
  close() {
    this.#host = closed('batch');
  }

  /** What the batch is to the host. Only the SDK itself uses it. */
  handle() {
    return this.#host;
  }
}
