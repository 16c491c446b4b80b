"""Extractors: which request comes next, and where a page's records are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

from .jsontext import dumps
from .page import Page
from .plugin import O, Plugin, S
from .request import Request

T = TypeVar("T")


@dataclass(frozen=True)
class Records:
    """Where a page's records are; use the three makers."""

    path: str | None = None
    ndjson: bytes | None = None

    @classmethod
    def none(cls) -> Records:
        """This page holds none."""
        return cls()

    @classmethod
    def at(cls, path: str) -> Records:
        """The array (or single object) at this dotted path of the JSON body; empty is the root.

        The records then never cross into the plugin: this is by far the quickest way.
        """
        return cls(path=path)

    @classmethod
    def of(cls, records: Iterable[Any] | bytes) -> Records:
        """The records themselves, for pages that are not JSON: NDJSON as bytes, or objects that
        are written as ``dumps`` does."""
        if isinstance(records, bytes):
            return cls(ndjson=records)
        return cls(ndjson="".join(f"{dumps(record)}\n" for record in records).encode())


@dataclass(frozen=True)
class Ending:
    """Why a walk ends, for the person who wonders whether that was all.

    Args:
        reason: a short name in kebab case, such as ``cursor-null``.
        message: one line with the particulars.
        looked_at: the dotted path that was null, empty or missing, or ``header NAME``. Where no
            answer ever had it, the host warns that it may be misspelt.
    """

    reason: str
    message: str
    looked_at: str | None = None


@dataclass(frozen=True)
class Step(Generic[T]):
    """An extractor's answer; the state is what the next call gets."""

    records: Records
    next: Request | None
    """``None`` ends the walk."""
    state: T
    ended: Ending | None = None
    """Why the walk ends. Without it the host says that no request followed."""

    @overload
    @staticmethod
    def first(request: Request) -> Step[None]: ...
    @overload
    @staticmethod
    def first(request: Request, state: T) -> Step[T]: ...
    @staticmethod
    def first(request: Request, state: Any = None) -> Step[Any]:
        """The walk's first request."""
        return Step(Records.none(), request, state)

    @overload
    @staticmethod
    def more(records: Records, request: Request) -> Step[None]: ...
    @overload
    @staticmethod
    def more(records: Records, request: Request, state: T) -> Step[T]: ...
    @staticmethod
    def more(records: Records, request: Request, state: Any = None) -> Step[Any]:
        """A page that another one follows."""
        return Step(records, request, state)

    @overload
    @staticmethod
    def last(records: Records, *, ended: Ending | None = None) -> Step[None]: ...
    @overload
    @staticmethod
    def last(records: Records, state: T, *, ended: Ending | None = None) -> Step[T]: ...
    @staticmethod
    def last(records: Records, state: Any = None, *, ended: Ending | None = None) -> Step[Any]:
        """The walk's last page, and why it is."""
        return Step(records, None, state, ended)


class Extractor(Plugin[O], Generic[O, S]):
    """Walks a paginated API. The host sends the requests; an extractor never does.

    ``class Orders(Extractor[Options, State])`` names the options (a dataclass) and the state: a
    dataclass, another type of JSON value, or ``None`` where nothing has to last.

    Attributes:
        options: the manifest's ``with`` block.
        records_path: ``source.options.records_path``; empty is the root.
    """

    kind = "extractor"

    def __init__(self, options: O, records_path: str = "") -> None:
        """Override it to check options against each other, and raise ``PluginError``."""
        super().__init__(options)
        self.records_path = records_path

    @abstractmethod
    def start(self) -> Step[S]:
        """The first request."""

    @abstractmethod
    def next(self, page: Page, state: S) -> Step[S]:
        """What the page holds, and the request after it."""

    def ahead(self, state: S, n: int) -> list[Request]:
        """Up to ``n`` requests that will follow the one asked for last, where they do not depend
        on the answers; by default none. The host may then send them early; it still hands over
        the pages in order."""
        return []
