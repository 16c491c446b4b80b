// The plugin's log, bounded by the host (`limits.log`). Natively it goes nowhere. `console` leads
// here too in a component.

import { host } from './host.js';

export const log = {
  /** @param {string} message */
  debug: (message) => host.log('debug', String(message)),
  /** @param {string} message */
  info: (message) => host.log('info', String(message)),
  /** @param {string} message */
  warn: (message) => host.log('warn', String(message)),
  /** @param {string} message */
  error: (message) => host.log('error', String(message)),
};
