// A column transform that exists in three languages: writes a text field in capitals.

import { Edits, string, transform } from '@dpone/sdk';

export default transform({
  options: {
    field: string({ minLength: 1, description: 'Top-level field with a text.' }),
  },

  needs: ({ options }) => ({ fields: [options.field] }),

  apply(batch, { options }) {
    const column = batch.column(options.field);
    return new Edits().set(options.field, column.mapText((text) => text.toUpperCase()));
  },
});
