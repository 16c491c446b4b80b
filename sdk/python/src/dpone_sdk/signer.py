"""Signers: say what is to be computed of which secret; the host computes it and signs with it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic
from urllib.parse import urlsplit

from .plugin import O, Plugin
from .term import Part, as_term, compute

EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@dataclass(frozen=True)
class Outgoing:
    """The request as it is about to be sent, without the connection's own credentials. Its
    defaults are for native tests."""

    method: str = "GET"
    url: str = "https://api.example.com/orders"
    headers: Sequence[tuple[str, str]] = ()
    body_sha256: str = EMPTY_SHA256
    """Hexadecimal, lower case; of an empty body too."""
    sent_at: str = "2026-01-01T00:00:00.000Z"
    """When the request is sent, RFC 3339 in UTC with milliseconds."""
    nonce: bytes = bytes(16)
    """16 random bytes, new for each attempt."""

    @property
    def host(self) -> str:
        """Host name, with the port where the URL has one."""
        return urlsplit(self.url).netloc

    @property
    def path(self) -> str:
        """The URL's path as it is sent, ``/`` where it has none."""
        return urlsplit(self.url).path or "/"

    @property
    def query(self) -> str:
        """The URL's query as it is sent, without ``?``."""
        return urlsplit(self.url).query

    def header(self, name: str) -> list[str]:
        """All values of a header, by name without regard to case."""
        return [value for known, value in self.headers if known.lower() == name.lower()]


@dataclass(frozen=True)
class Signature:
    """What to add to the request.

    Args:
        headers: headers to set, from name to term or text. One that the request or the connection
            has already is refused.
        query: query parameters to append.

    Raises:
        TypeError: a value is neither a term nor a text.
    """

    headers: Mapping[str, Part] = field(default_factory=dict)
    query: Mapping[str, Part] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for part in (*self.headers.values(), *self.query.values()):
            as_term(part)

    def compute_for_test(self, secrets: Mapping[str, str | bytes]) -> tuple[dict[str, str], dict[str, str]]:
        """Headers and query parameters as the host computes them of these secrets.

        Raises:
            KeyError: a secret is not among those given.
            UnicodeDecodeError: a value is not UTF-8 text; encode it (``.hex()``, ``.base64()``).
        """

        def texts(named: Mapping[str, Part]) -> dict[str, str]:
            return {name: compute(as_term(part), secrets).decode() for name, part in named.items()}

        return texts(self.headers), texts(self.query)


class Signer(Plugin[O], Generic[O]):
    """Signs a source's requests.

    ``class Hmac(Signer[Options])`` names the options, a dataclass.

    Attributes:
        options: the manifest's ``with`` block.
        secrets: names of the granted secrets.
    """

    kind = "signer"

    def __init__(self, options: O, secrets: Sequence[str] = ()) -> None:
        """Override it to check that the secrets that it needs are granted."""
        super().__init__(options)
        self.secrets = tuple(secrets)

    @abstractmethod
    def sign(self, request: Outgoing) -> Signature:
        """Called for each attempt of each request."""
