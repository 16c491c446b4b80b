// Requests of the plugin's own, to the hosts that the manifest grants under `grants.http`. The host
// sends them: it checks origin and address, fills in granted secrets, and counts the time towards the
// call's wall clock. A host that was not granted ends the call.

import { PluginError, named } from './error.js';
import { host } from './host.js';
import { parameter, wireFields } from './request.js';

// The build imports the interface for a plugin whose bundle holds this name, and for no other.
const INTERFACE = 'dpone:plugin/http';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What came back, whatever its status. */
export class Response {
  /** @param {{ status: number, headers: { name: string, value: string }[], body: Uint8Array }} answer */
  constructor({ status, headers, body }) {
    this.status = status;
    this.headers = headers.map(({ name, value }) => [name, value]);
    this.body = body;
  }

  /** The first value of a header, by name without regard to case. */
  header(name) {
    const wanted = name.toLowerCase();
    return this.headers.find(([found]) => found.toLowerCase() === wanted)?.[1];
  }

  text() {
    return decoder.decode(this.body);
  }

  /** The body's value; numbers are rounded to what JavaScript has. */
  json() {
    return JSON.parse(this.text());
  }
}

/**
 * Sends a request and waits for its answer.
 * @param {{ url: string, method?: string, headers?: Record<string, unknown>, body?: string | Uint8Array }} request
 * @returns {Response}
 */
function send({ url, method = 'GET', headers = {}, body }) {
  if (typeof url !== 'string') throw new TypeError(`the url of a request is ${named(url)}; give a string`);
  const fields = Object.entries(headers).map(([name, value]) => [name, parameter(`the header ${name}`, value)]);
  if (!host.httpSend) throw new PluginError('http', `no request is sent in a unit test (${INTERFACE})`);
  const bytes = typeof body === 'string' ? encoder.encode(body) : body;
  try {
    return new Response(host.httpSend({ method, url, headers: wireFields(fields), body: bytes }));
  } catch (error) {
    // The contract's own error comes with the host's reason; anything else is a fault.
    if (typeof error?.payload === 'string') throw new PluginError('http', error.payload);
    throw error;
  }
}

export const http = {
  send,
  /** Asks for a URL. */
  get: (url, headers = {}) => send({ url, headers }),
};
