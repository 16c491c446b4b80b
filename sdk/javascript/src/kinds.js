// The five kinds of plugins: what each has to define, and its calls in JavaScript's terms. Both the
// component and the unit tests go through here, so that a test sees what the host would see.

import { outcomeOf } from './edits.js';
import { PluginError, named } from './error.js';
import { checkOptions, readOptions } from './options.js';
import { requestOf, stepOf } from './request.js';
import { sliceStepOf } from './slices.js';
import { signatureOf } from './terms.js';
import { countsOf, verdictOf } from './verdict.js';

export const STAGES = ['before-publish', 'after-delivery'];

/** What a plugin's functions get besides their data; the same object for the instance's life. */
function contextOf(definition, options, rest) {
  const context = { options: readOptions(definition.options ?? {}, options), ...rest };
  // Work that depends on the options only is done once an instance, in `prepare`.
  return Object.freeze({ ...context, prepared: settled(definition.prepare?.(context), 'prepare') });
}

/** The host waits for no promise: there is nothing in a plugin to wait for. */
function settled(value, call) {
  if (typeof value?.then === 'function') {
    throw new TypeError(`${call}() returned a promise; take away its async: a plugin has nothing to wait for`);
  }
  return value;
}

function needsOf(definition, context) {
  const needs = settled(definition.needs?.(context), 'needs') ?? {};
  const { fields = [], bytes = false } = needs;
  if (!Array.isArray(fields) || fields.some((field) => typeof field !== 'string') || typeof bytes !== 'boolean') {
    throw new TypeError(`needs() returned ${named(needs)}; return { fields: ['name', …], bytes: false }`);
  }
  return { fields: [...fields], bytes };
}

/** Hands a page or batch over for the time of one call. */
function lent(handle, call) {
  try {
    return call(handle);
  } finally {
    handle.close();
  }
}

const extractor = {
  required: ['start', 'next'],
  open(definition, { options, recordsPath = '' }) {
    const context = contextOf(definition, options, { recordsPath });
    return {
      start: () => stepOf(settled(definition.start(context), 'start'), 'start'),
      next: (page, state) =>
        lent(page, () => stepOf(settled(definition.next(page, state, context), 'next'), 'next')),
      ahead(state, n) {
        const requests = settled(definition.ahead?.(state, n, context), 'ahead') ?? [];
        if (!Array.isArray(requests)) throw new TypeError(`ahead() returned ${named(requests)}; return a list of requests`);
        return requests.slice(0, n).map((request, index) => requestOf(request, `request ${index} of ahead()`));
      },
    };
  },
};

const transform = {
  required: ['apply'],
  open(definition, { options }) {
    const context = contextOf(definition, options, {});
    return {
      needs: needsOf(definition, context),
      apply: (batch) =>
        lent(batch, () => {
          const { length } = batch;
          return outcomeOf(settled(definition.apply(batch, context), 'apply'), length);
        }),
    };
  },
};

const check = {
  required: ['observe', 'finish'],
  open(definition, { options }) {
    const context = contextOf(definition, options, {});
    const stage = definition.stage ?? 'before-publish';
    if (!STAGES.includes(stage)) throw new TypeError(`the stage is ${named(stage)}; one of ${STAGES.join(', ')} was expected`);
    return {
      needs: needsOf(definition, context),
      stage,
      // A check may change its state in place or return a new one.
      observe: (batch, state) =>
        lent(batch, () => {
          const next = settled(definition.observe(batch, state, context), 'observe');
          return next === undefined ? state : next;
        }),
      finish: (counts, state) =>
        verdictOf(settled(definition.finish(countsOf(counts), state, context), 'finish')),
    };
  },
};

const slicer = {
  required: ['start'],
  open(definition, { options }) {
    const context = contextOf(definition, options, {});
    return {
      start: (load) => sliceStepOf(settled(definition.start(load, context), 'start'), 'start'),
      next(page, state) {
        if (!definition.next) throw new TypeError('start() asked for a request, but the slicer defines no next()');
        return lent(page, () => sliceStepOf(settled(definition.next(page, state, context), 'next'), 'next'));
      },
    };
  },
};

const signer = {
  required: ['sign'],
  open(definition, { options, secrets = [] }) {
    const context = contextOf(definition, options, { secrets });
    return { sign: (outgoing) => signatureOf(settled(definition.sign(outgoing, context), 'sign')) };
  },
};

export const KINDS = { extractor, transform, check, slicer, signer };

/** Refuses a definition that could not work, where its author sees it: when the module is loaded. */
export function checkDefinition(kind, definition) {
  if (definition === null || typeof definition !== 'object') {
    throw new TypeError(`${kind}() takes an object with ${KINDS[kind].required.join(' and ')} and got ${named(definition)}`);
  }
  for (const name of KINDS[kind].required) {
    if (typeof definition[name] !== 'function') {
      throw new TypeError(`the ${kind} defines no ${name}(); ${kind}s need ${KINDS[kind].required.join(' and ')}`);
    }
  }
  checkOptions(definition.options ?? {});
}

/** The plugin of one instance, which the host configures once before anything else. */
export function instanceOf(kind, definition) {
  let calls;
  return {
    configure(settings) {
      if (calls) throw new PluginError('configured-twice', 'the host configured this instance before');
      calls = KINDS[kind].open(definition, settings);
      return calls;
    },
    calls() {
      if (!calls) throw new PluginError('not-configured', 'the host did not call configure');
      return calls;
    },
  };
}
