// {{name}}: one slice for each value of a list, such as one for each shop. Every slice is loaded,
// judged and checkpointed on its own: a shop that fails is repeated without the others.

import { PluginError, Request, list, slice, slicer, string } from '@dpone/sdk';

export default slicer({
  options: {
    values: list(string({ minLength: 1 }), {
      minItems: 1,
      description: 'One slice is loaded for each of these, in this order.',
    }),
    param: string({
      default: 'shop',
      minLength: 1,
      description: 'Query parameter that carries the value.',
    }),
  },

  // `prepare` runs once an instance; what it returns is `prepared` in the other functions.
  prepare({ options }) {
    const repeated = options.values.find((value, index) => options.values.indexOf(value) !== index);
    if (repeated !== undefined) {
      // Two slices of one id would share one row of state, and the second would overwrite the first.
      throw new PluginError('repeated-value', `${JSON.stringify(repeated)} is given twice; give each value once`);
    }
  },

  // A slicer that has to ask the API for its values returns `SliceStep.first(request)` here, and
  // the slices in a function `next(page, state, context)`.
  start(load, { options }) {
    return options.values.map((value) =>
      // The id names the slice from run to run: it is made of what the slice is, not of its position.
      slice(`${options.param}:${value}`, { request: Request.unchanged().query(options.param, value) }),
    );
  },
});
