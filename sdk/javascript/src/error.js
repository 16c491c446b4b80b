/**
 * The plugin's own error: it understood the call and says no. Throw it. Anything else that is
 * thrown is a fault of the plugin, which the host reports as such, with its text and line.
 */
export class PluginError extends Error {
  /**
   * @param {string} code a short name in kebab case, such as `missing-cursor`
   * @param {string} message one line, a lowercase fragment with the particulars
   * @param {{ record?: number, field?: string, cause?: unknown }} [at] the record (from 0) and the
   *   field that the error is about
   */
  constructor(code, message, at = {}) {
    super(message, 'cause' in at ? { cause: at.cause } : undefined);
    this.name = 'PluginError';
    this.code = String(code);
    this.record = at.record;
    this.field = at.field;
    this.blames = 'plugin';
  }

  toString() {
    const record = this.record === undefined ? '' : ` (record ${this.record})`;
    const field = this.field === undefined ? '' : ` (field ${this.field})`;
    return `${this.code}: ${this.message}${record}${field}`;
  }
}

/**
 * Throw it where what the API answered is the cause, such as a cursor that is an object. The run then
 * ends as with any other error of the source, with the page and its URL.
 */
export class AnswerError extends PluginError {
  constructor(code, message, at = {}) {
    super(code, message, at);
    this.name = 'AnswerError';
    this.blames = 'answer';
  }
}

/** How a value is called in messages. */
export function named(value) {
  if (value === null) return 'null';
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'an array';
  if (typeof value?.then === 'function') return 'a promise';
  if (typeof value === 'object') {
    const name = value.constructor?.name;
    return name && name !== 'Object' ? `a ${name}` : 'an object';
  }
  return `the ${typeof value} ${String(value).slice(0, 60)}`;
}
