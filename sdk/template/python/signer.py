"""{{name}}: HMAC-SHA256 over method, path and date, in an Authorization header."""

from collections.abc import Sequence

import dpone_sdk
from dpone_sdk import Outgoing, PluginError, Signature, Signer, Term, option, options


@options
class Options:
    key_id: str = option(min_length=1, description="Public name of the key, as the API gave it.")
    secret: str = option(default="signing_key", min_length=1, description="Name of the granted secret.")
    scheme: str = option(default="HMAC-SHA256", description="First word of the Authorization header.")


class {{class}}(Signer[Options]):
    def __init__(self, options: Options, secrets: Sequence[str] = ()) -> None:
        super().__init__(options, secrets)
        # A plan shows this, so nobody has to start a run to learn of a missing grant.
        if options.secret not in secrets:
            raise PluginError("no-secret", f"the secret `{options.secret}` is not granted; add it to `secrets`")

    def sign(self, request: Outgoing) -> Signature:
        # The date is signed and sent, so that a recorded request is worthless later on.
        message = f"{request.method}\n{request.path}\n{request.sent_at}"
        # The host computes this: the plugin names the secret and never holds it.
        mac = Term.secret(self.options.secret).hmac(message, "sha256").base64()
        return Signature(
            headers={
                "X-Date": request.sent_at,
                "Authorization": f'{self.options.scheme} keyId="{self.options.key_id}", signature="' + mac + '"',
            }
        )


dpone_sdk.export({{class}})
