// {{name}}: no more than a share of the rows may lack a field.

import { Verdict, check, number, string } from '@dpone/sdk';

export default check({
  options: {
    field: string({ minLength: 1, description: 'Field that is looked at.' }),
    max_share: number({
      default: 0,
      minimum: 0,
      maximum: 1,
      description: 'Greatest share of rows, from 0 to 1, in which it may be null or missing.',
    }),
  },

  // What the first call gets. The host keeps it from call to call as JSON; a variable of this
  // module would be lost whenever the instance is dropped.
  state: { rows: 0, nulls: 0 },

  needs: ({ options }) => ({ fields: [options.field] }),

  observe(batch, state, { options }) {
    // Counting looks at the kinds of the values only, one byte each; no text is decoded.
    state.rows += batch.length;
    state.nulls += batch.length - batch.column(options.field).countPresent();
  },

  finish(counts, { rows, nulls }, { options }) {
    const share = rows === 0 ? 0 : nulls / rows;
    const message = `${nulls} of ${rows} rows have no ${options.field}, `
      + `a share of ${share.toFixed(4)}; up to ${options.max_share} is allowed`;
    return new Verdict(share <= options.max_share, message, { rows, nulls, share });
  },
});
