import type { Signature } from './index.js';

/** Computes a signature as the host would, for unit tests. */
export function evaluate(
  signature: Signature,
  secrets?: Record<string, string>,
): { headers: [string, string][]; query: [string, string][] };
