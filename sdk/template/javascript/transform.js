// {{name}}: brings a text field into one spelling and drops the records that do not have it.

import { Edits, boolean, string, transform, unchanged } from '@dpone/sdk';

export default transform({
  options: {
    field: string({ minLength: 1, description: 'Field whose text is written in capitals.' }),
    drop_missing: boolean({
      default: false,
      description: 'Whether records without the field, or with null in it, are dropped.',
    }),
  },

  // Only this field's column crosses into the plugin; the host refuses any other.
  needs: ({ options }) => ({ fields: [options.field] }),

  apply(batch, { options }) {
    const column = batch.column(options.field);
    const missing = column.length - column.countPresent();
    const edits = new Edits();
    if (options.drop_missing && missing > 0) {
      edits.keep(Array.from({ length: column.length }, (_, record) => column.isPresent(record)));
    }
    if (missing === column.length) {
      // What is not edited stays byte for byte, and costs nothing.
      return options.drop_missing && missing > 0 ? edits : unchanged;
    }
    // Numbers, nulls and missing values stay as they are.
    return edits.set(options.field, column.mapText((text) => text.trim().toUpperCase()));
  },
});
