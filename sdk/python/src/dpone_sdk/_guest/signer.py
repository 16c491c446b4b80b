"""The exports of a signer's component."""

from __future__ import annotations

from collections.abc import Mapping

from wit_world import exports
from wit_world.exports import signer as wit
from wit_world.imports import types

from ..signer import Outgoing, Signature
from ..term import Part, Term, as_term, in_order
from .boundary import configure, description, guarded, plugin

_HASHES = {"sha1": wit.Hash.SHA1, "sha256": wit.Hash.SHA256, "sha512": wit.Hash.SHA512}
_ENCODINGS = {
    "hex": wit.Encoding.HEX,
    "base64": wit.Encoding.BASE64,
    "base64url": wit.Encoding.BASE64URL,
    "percent": wit.Encoding.PERCENT,
}


class Signer(exports.Signer):
    @guarded
    def describe(self) -> types.Description:
        return description()

    @guarded
    def configure(self, settings: wit.Settings) -> None:
        configure(lambda cls: cls(cls.read_options(settings.options), settings.secrets))

    @guarded
    def sign(self, request: wit.Outgoing) -> wit.Signature:
        headers = [(header.name, header.value) for header in request.headers]
        outgoing = Outgoing(
            request.method, request.url, headers, request.body_sha256, request.sent_at, bytes(request.nonce)
        )
        return _signature(plugin().sign(outgoing))


def _signature(signature: Signature) -> wit.Signature:
    if not isinstance(signature, Signature):
        raise TypeError(f"a Signature was expected of `sign`, not {signature!r:.80}")
    headers = _terms(signature.headers)
    query = _terms(signature.query)
    terms = in_order([*headers.values(), *query.values()])
    numbers = {id(term): number for number, term in enumerate(terms)}

    def placed(named: Mapping[str, Term]) -> list[wit.Placed]:
        return [wit.Placed(name, numbers[id(term)]) for name, term in named.items()]

    return wit.Signature([_term(term, numbers) for term in terms], placed(headers), placed(query))


def _terms(named: Mapping[str, Part]) -> dict[str, Term]:
    return {name: as_term(part) for name, part in named.items()}


def _term(term: Term, numbers: Mapping[int, int]) -> wit.Term:
    parts = [numbers[id(part)] for part in term.parts]
    if term.operation == "text":
        return wit.Term_Text(term.argument)
    if term.operation == "bytes":
        return wit.Term_Bytes(term.argument)
    if term.operation == "secret":
        return wit.Term_Secret(term.argument)
    if term.operation == "concat":
        return wit.Term_Concat(parts)
    if term.operation == "hashed":
        return wit.Term_Hashed(wit.Hashed(_HASHES[term.argument], parts[0]))
    if term.operation == "hmac":
        return wit.Term_Hmac(wit.Keyed(_HASHES[term.argument], parts[0], parts[1]))
    return wit.Term_Encoded(wit.Encoded(_ENCODINGS[term.argument], parts[0]))
