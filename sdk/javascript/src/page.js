// One page of the API's answer, as an extractor or a slicer may ask about it.

import { Value } from './column.js';
import { unescape } from './json.js';
import { TestPage } from './stand-in.js';

const decoder = new TextDecoder();

/**
 * A handle: nothing of the page crosses into the plugin before it is asked for, and a single value
 * costs less than parsing the body here.
 */
export class Page {
  #host;

  constructor(host) {
    this.#host = host;
  }

  /**
   * A page for unit tests: a body, or an object with `body` and any of `status`, `headers`, `url`.
   * @param {string | Uint8Array | { status?: number, headers?: [string, string][], url?: string, body?: string | Uint8Array }} page
   */
  static forTest(page) {
    const whole = typeof page === 'string' || page instanceof Uint8Array ? { body: page } : page;
    return new Page(new TestPage(whole));
  }

  /** HTTP status code. */
  get status() {
    return this.#host.status();
  }

  /** The URL that was asked for, without secrets. */
  get url() {
    return this.#host.url();
  }

  /** All values of a header, by name without regard to case. */
  header(name) {
    return this.#host.header(name);
  }

  /** JSON text of the value at a dotted path; undefined where there is none. */
  get(path) {
    return this.#host.get(path);
  }

  /** The value at a dotted path; a missing one where there is none. */
  value(path) {
    return new Value(this.#host.get(path) ?? '');
  }

  /** The string at a dotted path, unescaped; undefined where there is none or something else. */
  text(path) {
    const json = this.#host.get(path);
    return json === undefined ? undefined : unescape(json);
  }

  /**
   * How many elements the array at a path has; undefined where there is no array. A single object
   * counts as one.
   */
  count(path) {
    return this.#host.count(path);
  }

  /** JSON text of the last element of the array at a path; undefined where there is none. */
  last(path) {
    return this.#host.last(path);
  }

  /** The whole body, decoded from its content encoding. */
  body() {
    return this.#host.body();
  }

  /** The whole body as text. */
  bodyText() {
    return decoder.decode(this.#host.body());
  }

  /** Ends the page with its call: the host takes the page back, so a later question is a mistake. */
  close() {
    this.#host = closed('page');
  }
}

/** Answers every question with an error that says what went wrong. */
export function closed(what) {
  return new Proxy({}, {
    get() {
      throw new Error(`this ${what} belongs to an earlier call; take what you need of it within the call`);
    },
  });
}
