"""What a plugin may vary of the manifest's request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from .jsontext import dumps


@dataclass(frozen=True)
class Secret:
    """The name of a granted secret; the host fills it in and never shows it."""

    name: str


Named = Mapping[str, Any] | Sequence[tuple[str, Any]]


@dataclass(frozen=True)
class Request:
    """What differs from the manifest's own request; what is unset stays as the manifest has it.

    Query parameters, body fields and a server-given URL under the manifest's origin and path are
    always allowed; headers, another method and another path need a grant.

    Args:
        url: a URL that the server gave, absolute or relative to the page's own. It replaces the
            manifest's URL and query.
        query: parameters to set, replacing those of the same name: texts, numbers, booleans or
            :class:`Secret` (``True`` is sent as ``true``). Pairs instead of a mapping may name one
            more than once.
        body: top-level fields of a JSON body to set: any JSON value (see ``dumps``) or a secret.
        headers: headers to set. Needs a grant.
        method: another method. Needs a grant.
        path: another path. Needs a grant.
        may_be_past_end: the request may ask for more than the API has: a 404 or 400 to it ends the
            walk as an empty page would.

    Raises:
        TypeError: a value cannot be sent as what it is; the message names it.
    """

    url: str | None = None
    query: Named = field(default_factory=dict)
    body: Named = field(default_factory=dict)
    headers: Named = field(default_factory=dict)
    method: str | None = None
    path: str | None = None
    may_be_past_end: bool = False

    def __post_init__(self) -> None:
        # Mistakes should show where the request is made, in a native test, too.
        text_pairs("query", self.query)
        text_pairs("headers", self.headers)
        json_pairs("body", self.body)

    @classmethod
    def to_url(cls, url: str) -> Request:
        """The request to a URL that the server gave."""
        return cls(url=url)


def text_pairs(what: str, named: Named) -> list[tuple[str, str | Secret]]:
    """Names and values as texts."""
    return [(name, _text(f"{what} {name!r}", value)) for name, value in _pairs(named)]


def json_pairs(what: str, named: Named) -> list[tuple[str, str | Secret]]:
    """Names and values as JSON texts."""
    found: list[tuple[str, str | Secret]] = []
    for name, value in _pairs(named):
        try:
            found.append((name, value if isinstance(value, Secret) else dumps(value)))
        except (TypeError, ValueError) as error:
            raise TypeError(f"{what} {name!r}: {error}") from None
    return found


def _pairs(named: Named) -> Sequence[tuple[str, Any]]:
    return list(named.items()) if isinstance(named, Mapping) else list(named)


def _text(what: str, value: Any) -> str | Secret:
    if isinstance(value, (str, Secret)):
        return value
    if isinstance(value, (bool, int, Decimal)):
        return dumps(value)
    raise TypeError(f"{what}: a string, a number, a boolean or a Secret was expected, not {value!r:.80}")
