"""Requests of the plugin's own, to the hosts that the manifest grants under ``grants.http``.

The host sends them: it checks origin and address, fills in granted secrets, and counts the time
towards the call's wall clock. A host that was not granted ends the call.

>>> answer = http.get("https://geo.example.com/v1/cities", {"X-Key": Secret("geo_key")})  # doctest: +SKIP
>>> answer.json()["cities"]  # doctest: +SKIP

Natively there is no host, so a plugin's tests keep the request apart from what is done with its answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import _host
from .errors import PluginError
from .jsontext import loads
from .request import Named, text_pairs


@dataclass(frozen=True)
class Response:
    """What came back, whatever its status.

    Args:
        status: HTTP status code.
        headers: names and values as they came.
        body: decoded from its content encoding, at most ``limits.output`` bytes.
    """

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first value of a header, by name without regard to case."""
        return next((value for found, value in self.headers if found.lower() == name.lower()), None)

    def json(self) -> Any:
        """The body's value, numbers exact (see ``loads``).

        Raises:
            ValueError: the body is not JSON.
        """
        return loads(self.body.decode())


def get(url: str, headers: Named = ()) -> Response:
    """Asks for a URL. See :func:`send`."""
    return send("GET", url, headers)


def send(method: str, url: str, headers: Named = (), body: bytes | str | None = None) -> Response:
    """Sends a request and waits for its answer.

    Args:
        url: absolute, of a granted host.
        headers: texts, numbers, booleans or granted :class:`Secret` by name.

    Raises:
        PluginError: there was no answer (code ``http``), with the host's reason.
        TypeError: a header cannot be sent as what it is.
    """
    fields = text_pairs("headers", headers)
    if _host.http is None:
        raise PluginError("http", "no request is sent in a native test")
    return _host.http(method, url, fields, body.encode() if isinstance(body, str) else body)
