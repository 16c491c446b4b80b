// {{name}}: follows a cursor. Each page names the value that asks for the next one:
//
//   GET /orders                {"data": [...], "meta": {"next": "b2"}}
//   GET /orders?cursor=b2      {"data": [...], "meta": {"next": null}}

import { Kind, PluginError, Records, Request, Step, extractor, log, string } from '@dpone/sdk';

export default extractor({
  // The manifest's `with` block. The host checks it against the JSON Schema that comes of this,
  // so nothing here has to look for typing errors.
  options: {
    cursor_path: string({
      default: 'meta.next',
      minLength: 1,
      description: 'Dotted path of the next cursor in the response body.',
    }),
    cursor_param: string({
      default: 'cursor',
      minLength: 1,
      description: 'Query parameter that carries the cursor.',
    }),
  },

  // The first request is the manifest's own. The state counts the pages; an extractor without a
  // state leaves it out.
  start() {
    return Step.first(Request.unchanged(), { pages: 0 });
  },

  next(page, state, { options, recordsPath }) {
    // The host cuts the records out of the body: they never pass through JavaScript.
    const records = Records.at(recordsPath);
    const pages = state.pages + 1;
    const cursor = page.value(options.cursor_path);

    if (!cursor.isPresent || cursor.text() === '') {
      log.info(`the walk ends after ${pages} pages`);
      return Step.last(records, { pages });
    }
    // A cursor that is a number is sent as it was written: as a JavaScript number a long one would
    // be rounded, and ask for another page.
    const value = cursor.kind === Kind.number ? cursor.numberText() : cursor.text();
    if (value === undefined) {
      throw new PluginError(
        'cursor-kind',
        `the cursor at ${options.cursor_path} is ${cursor.kindName}; a string or a number was expected`,
      );
    }
    return Step.more(records, Request.unchanged().query(options.cursor_param, value), { pages });
  },
});
