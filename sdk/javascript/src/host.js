// What the host offers besides pages and batches. Natively nothing is behind it, so that unit tests
// need no host; in a component, `connect` puts the host's own functions here.

const native = {
  log: () => {},
  distinctAdd: undefined,
  distinctRepeats: undefined,
  httpSend: undefined,
};

export const host = { ...native };

export function connect(functions) {
  Object.assign(host, functions);
}
