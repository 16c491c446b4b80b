"""Terms: what a signer wants computed of secrets, without ever seeing one."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any, Literal, Union
from urllib.parse import quote

Hash = Literal["sha1", "sha256", "sha512"]
Encoding = Literal["hex", "base64", "base64url", "percent"]
Part = Union["Term", str, bytes]


class Term:
    """One value of the host's computation. Terms are made of each other:

    >>> Term.secret("signing_key").hmac("GET\\n/orders").base64()

    A string or bytes may stand for a term wherever one is combined with another.
    """

    __slots__ = ("operation", "parts", "argument")

    def __init__(self, operation: str, parts: tuple[Term, ...] = (), argument: Any = None) -> None:
        self.operation = operation
        self.parts = parts
        self.argument = argument

    @classmethod
    def text(cls, text: str) -> Term:
        """A text, as UTF-8."""
        return cls("text", argument=text)

    @classmethod
    def bytes(cls, data: bytes) -> Term:
        """Bytes as they are."""
        return cls("bytes", argument=data)

    @classmethod
    def secret(cls, name: str) -> Term:
        """A granted secret, by name."""
        return cls("secret", argument=name)

    @classmethod
    def concat(cls, *parts: Part) -> Term:
        """The parts one after another."""
        return cls("concat", tuple(map(as_term, parts)))

    def __add__(self, other: Part) -> Term:
        return Term.concat(self, other)

    def __radd__(self, other: Part) -> Term:
        return Term.concat(other, self)

    def hashed(self, hash: Hash = "sha256") -> Term:
        """The digest of this term, in bytes."""
        return Term("hashed", (self,), _known(hash, ("sha1", "sha256", "sha512")))

    def hmac(self, message: Part, hash: Hash = "sha256") -> Term:
        """The HMAC of a message under this term as the key, in bytes."""
        return Term("hmac", (self, as_term(message)), _known(hash, ("sha1", "sha256", "sha512")))

    def hex(self) -> Term:
        """Hexadecimal, lower case."""
        return self._encoded("hex")

    def base64(self) -> Term:
        """RFC 4648, with padding."""
        return self._encoded("base64")

    def base64url(self) -> Term:
        """RFC 4648 section 5, without padding."""
        return self._encoded("base64url")

    def percent(self) -> Term:
        """RFC 3986: everything but unreserved characters."""
        return self._encoded("percent")

    def _encoded(self, encoding: Encoding) -> Term:
        return Term("encoded", (self,), encoding)

    def __repr__(self) -> str:
        given = [*map(repr, self.parts), *([repr(self.argument)] if self.argument is not None else [])]
        return f"Term.{self.operation}({', '.join(given)})"


def as_term(part: Part) -> Term:
    """A term as it is; a string or bytes as one.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(part, Term):
        return part
    if isinstance(part, str):
        return Term.text(part)
    if isinstance(part, bytes):
        return Term.bytes(part)
    raise TypeError(f"a Term, a string or bytes were expected, not {part!r:.80}")


def in_order(terms: Iterable[Term]) -> list[Term]:
    """These terms and all that they are made of, each once, parts before what uses them."""
    found: dict[int, Term] = {}

    def visit(term: Term) -> None:
        if id(term) not in found:
            for part in term.parts:
                visit(part)
            found[id(term)] = term

    for term in terms:
        visit(term)
    return list(found.values())


def compute(term: Term, secrets: Mapping[str, str | bytes]) -> bytes:
    """What the host computes, for native tests.

    Raises:
        KeyError: a secret is not among those given.
    """
    parts = [compute(part, secrets) for part in term.parts]
    if term.operation == "secret":
        secret = secrets[term.argument]
        return secret.encode() if isinstance(secret, str) else secret
    if term.operation == "hashed":
        return hashlib.new(term.argument, parts[0]).digest()
    if term.operation == "hmac":
        return hmac.new(parts[0], parts[1], term.argument).digest()
    if term.operation == "encoded":
        return _encode(term.argument, parts[0]).encode()
    if term.operation == "concat":
        return b"".join(parts)
    argument: str | bytes = term.argument
    return argument.encode() if isinstance(argument, str) else argument


def _encode(encoding: Encoding, data: bytes) -> str:
    if encoding == "hex":
        return data.hex()
    if encoding == "base64":
        return base64.b64encode(data).decode()
    if encoding == "base64url":
        return base64.urlsafe_b64encode(data).decode().rstrip("=")
    return quote(data, safe="")


def _known(name: str, known: tuple[str, ...]) -> str:
    if name not in known:
        raise ValueError(f"the host knows {', '.join(known)}, not {name!r}")
    return name
