// {{name}}: signs each request with HMAC-SHA256 over its method, path and date:
//
//   X-Date: Fri, 02 Jan 2026 03:04:05 GMT
//   Authorization: HMAC-SHA256 key_id="shop-1", signature="6f0c…"
//
// The secret never comes here. The signer writes down what is to be computed, and the host, which
// has the secret, computes it.

import { PluginError, Signature, signer, string, term } from '@dpone/sdk';

const SECRET = 'signing_key';

export default signer({
  options: {
    key_id: string({ minLength: 1, description: 'Public name of the signing key.' }),
  },

  // Without its grant the first request would fail; this says so before one is sent.
  prepare({ secrets }) {
    if (!secrets.includes(SECRET)) {
      throw new PluginError('missing-secret', `the secret ${SECRET} is not granted; `
        + `add \`grants: { secrets: [${SECRET}] }\` to the signer in the manifest`);
    }
  },

  // Called for each attempt of each request, so a retry is signed with a date of its own.
  sign(request, { options }) {
    const date = request.httpDate;
    const target = request.query === '' ? request.path : `${request.path}?${request.query}`;
    const message = [request.method, target, date].join('\n');
    const signature = term.hex(term.hmac('sha256', term.secret(SECRET), message));
    return new Signature()
      .header('X-Date', date)
      .header(
        'Authorization',
        term.concat(`HMAC-SHA256 key_id=${JSON.stringify(options.key_id)}, signature="`, signature, '"'),
      );
  },
});
