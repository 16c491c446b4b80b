// Checked by tsc in `types.test.js`, never run: what an author's editor has to infer, and what it
// has to refuse.

import {
  Batch, Page, Records, Request, SliceStep, Step, Verdict, boolean, check, decimal, extractor, integer, list, object,
  signer, Signature, slice, slicer, string, term, transform, unchanged,
} from '../types/index.js';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
function same<A, B>(_: Same<A, B>): void {}

const walk = extractor({
  options: {
    mode: string({ choices: ['page', 'offset'], default: 'page' }),
    size: integer({ default: 10 }),
    until: string({ optional: true }),
    range: object({ from: decimal(), to: decimal({ optional: true }) }),
  },
  prepare: ({ options, recordsPath }) => ({ pattern: new RegExp(options.mode), recordsPath }),
  start({ options, prepared }) {
    same<typeof options.mode, 'page' | 'offset'>(true);
    same<typeof options.size, number>(true);
    same<typeof options.until, string | undefined>(true);
    same<typeof options.range.from, string>(true);
    same<typeof prepared.pattern, RegExp>(true);
    // @ts-expect-error an option that is not declared
    options.sise;
    return Step.first(Request.unchanged().query('page', 1), { page: 1 });
  },
  next(page, state, { recordsPath }) {
    same<typeof state.page, number>(true);
    return Step.more(Records.at(recordsPath), Request.unchanged().query('page', state.page), { page: state.page + 1 });
  },
});
same<number, ReturnType<ReturnType<typeof walk.forTest>['next']>['state']['page']>(true);
walk.forTest().next(Page.forTest('{}'), { page: 1 });
// @ts-expect-error another state
walk.forTest().next(Page.forTest('{}'), { page: 'x' });

extractor({
  start: () => Step.first(Request.unchanged()),
  next: (page) => Step.last(Records.at(page.url)),
});

transform({
  options: { fields: list(string()), strict: boolean({ default: false }) },
  needs: ({ options }) => ({ fields: options.fields }),
  apply: (batch, { options }) => (options.strict && batch.length > 0 ? unchanged : unchanged),
});

// @ts-expect-error apply has to answer something
transform({ apply() {} });

const counted = check({
  state: { rows: 0 },
  observe(batch, state) {
    same<typeof state.rows, number>(true);
    state.rows += batch.length;
  },
  finish: (counts, state) => new Verdict(counts.rows === state.rows, 'rows'),
});
counted.forTest().observe(Batch.forTest('{}')).rows.toFixed();

slicer({
  options: { values: list(string()) },
  start: (load, { options }) => options.values.map((value) => slice(value, { lower: load.lower })),
});
slicer({
  start: () => SliceStep.first(Request.unchanged(), { seen: 0 }),
  next: (page, state) => SliceStep.more([slice(page.url)], Request.unchanged(), { seen: state.seen + 1 }),
});

signer({
  sign: (request, { secrets }) =>
    new Signature().header('X', term.hex(term.hmac('sha256', term.secret(secrets[0] ?? ''), request.path))),
});
// @ts-expect-error no such hash
term.hash('md5', 'x');
