"""One page of the API's answer, as extractors and slicers may ask about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from . import raw
from .column import Value
from .jsontext import loads


class PageHost(Protocol):
    """What answers for a page: the host in a component, a stand-in natively."""

    def status(self) -> int: ...
    def header(self, name: str) -> list[str]: ...
    def url(self) -> str: ...
    def get(self, path: str) -> str | None: ...
    def count(self, path: str) -> int | None: ...
    def last(self, path: str) -> str | None: ...
    def body(self) -> bytes: ...


class Page:
    """A handle: nothing of the page crosses into the plugin before it is asked for, and one value
    costs far less than parsing the body here. It ends with the call.

    Paths are dotted (``data.items.0.id``); ``\\.`` is a dot within a name, and an empty path is
    the root.
    """

    def __init__(self, host: PageHost) -> None:
        self._host = host

    @property
    def status(self) -> int:
        """HTTP status code."""
        return self._host.status()

    @property
    def url(self) -> str:
        """The URL that was asked for, without secrets."""
        return self._host.url()

    def header(self, name: str) -> list[str]:
        """All values of a header, by name without regard to case."""
        return self._host.header(name)

    def get(self, path: str) -> str | None:
        """JSON text of the value at a path; ``None`` where there is none."""
        return self._host.get(path)

    def value(self, path: str) -> Value:
        """The value at a path; a missing one where there is none."""
        return Value.of_json(self._host.get(path) or "")

    def get_str(self, path: str) -> str | None:
        """The string at a path, unescaped; ``None`` where there is none or something else."""
        return self.value(path).as_str()

    def json(self, path: str = "") -> Any:
        """What is at a path, parsed without rounding; ``None`` where there is none."""
        text = self._host.get(path)
        return None if text is None else loads(text)

    def count(self, path: str) -> int | None:
        """How many elements the array at a path has; ``None`` where there is no array. A single
        object counts as one."""
        return self._host.count(path)

    def last(self, path: str) -> str | None:
        """JSON text of the last element of the array at a path."""
        return self._host.last(path)

    def body(self) -> bytes:
        """The whole body, decoded from its content encoding."""
        return self._host.body()

    @classmethod
    def for_test(
        cls,
        body: str | bytes = "",
        *,
        status: int = 200,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        url: str = "https://api.example.com/orders",
    ) -> Page:
        """A page with this body, for native tests."""
        pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
        return cls(_TestPage(body.encode() if isinstance(body, str) else body, status, pairs, url))


class _TestPage:
    def __init__(self, body: bytes, status: int, headers: list[tuple[str, str]], url: str) -> None:
        self._body = body
        self._status = status
        self._headers = headers
        self._url = url

    def status(self) -> int:
        return self._status

    def header(self, name: str) -> list[str]:
        return [value for known, value in self._headers if known.lower() == name.lower()]

    def url(self) -> str:
        return self._url

    def get(self, path: str) -> str | None:
        text: str | None = self._body.decode()
        loads(text or "")  # The host, too, ends the run here where the page is not JSON.
        for segment in _segments(path):
            if text is None:
                break
            members = raw.members(text)
            text = members.get(segment) if members is not None else _element(text, segment)
        return None if text is None else text.strip()

    def count(self, path: str) -> int | None:
        text = self.get(path)
        found = None if text is None else raw.elements(text)
        if found is not None:
            return len(found)
        return 1 if text is not None and text.startswith("{") else None

    def last(self, path: str) -> str | None:
        text = self.get(path)
        found = None if text is None else raw.elements(text)
        return found[-1] if found else None

    def body(self) -> bytes:
        return self._body


def _element(text: str, segment: str) -> str | None:
    found = raw.elements(text)
    if found is None or not (segment.isascii() and segment.isdigit()):
        return None
    return found[int(segment)] if int(segment) < len(found) else None


def _segments(path: str) -> list[str]:
    if path in ("", "."):
        return []
    # A NUL cannot be part of a path of the manifest, so it can stand in for an escaped dot.
    return [part.replace("\0", ".") for part in path.replace("\\.", "\0").split(".")]
