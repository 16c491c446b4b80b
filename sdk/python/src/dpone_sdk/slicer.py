"""Slicers: cut a load into slices, each of which is loaded, judged and checkpointed on its own."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, overload

from .errors import PluginError
from .page import Page
from .plugin import O, Plugin, S
from .request import Request

T = TypeVar("T")

_is_id = re.compile(r"[A-Za-z0-9_.:-]{1,200}").fullmatch


@dataclass(frozen=True)
class Context:
    """What is to be cut; bounds are RFC 3339 or a number, as text."""

    lower: str | None = None
    """Inclusive lower bound of the cursor field: the watermark up to which every slice is loaded,
    else the manifest's ``start``; ``None`` where there is neither."""
    upper: str | None = None
    """Exclusive upper bound; ``None`` where the load has none."""
    started_at: str = "2026-01-01T00:00:00Z"
    """The run's start, RFC 3339 in UTC."""


@dataclass(frozen=True)
class Slice:
    """One part of the load.

    Args:
        id: names the slice from run to run, and its row of state: 1 to 200 letters, digits and
            ``_-.:``. Another name is another slice, which starts anew.
        request: what every request of the slice varies of the manifest's own; the extractor's
            steps come on top of it.
        lower: inclusive bound of the cursor field for this slice, within the load's.
        upper: exclusive bound.

    Raises:
        PluginError: ``slice-id``, for an id that is none.
    """

    id: str
    request: Request = field(default_factory=Request)
    lower: str | None = None
    upper: str | None = None

    def __post_init__(self) -> None:
        if not _is_id(self.id):
            raise PluginError("slice-id", f"the slice id {self.id!r:.80} is not 1 to 200 letters, digits or `_-.:`")


@dataclass(frozen=True)
class SliceStep(Generic[T]):
    """A slicer's answer; the state is what the next call gets."""

    slices: Sequence[Slice]
    """Found in this step; their order is the order of the load."""
    next: Request | None
    """A request whose answer lists more; ``None`` ends the list."""
    state: T

    @overload
    @staticmethod
    def more(slices: Sequence[Slice], request: Request) -> SliceStep[None]: ...
    @overload
    @staticmethod
    def more(slices: Sequence[Slice], request: Request, state: T) -> SliceStep[T]: ...
    @staticmethod
    def more(slices: Sequence[Slice], request: Request, state: Any = None) -> SliceStep[Any]:
        """Slices, and the request that lists more of them."""
        return SliceStep(slices, request, state)

    @overload
    @staticmethod
    def last(slices: Sequence[Slice]) -> SliceStep[None]: ...
    @overload
    @staticmethod
    def last(slices: Sequence[Slice], state: T) -> SliceStep[T]: ...
    @staticmethod
    def last(slices: Sequence[Slice], state: Any = None) -> SliceStep[Any]:
        """The end of the list."""
        return SliceStep(slices, None, state)


class Slicer(Plugin[O], Generic[O, S]):
    """Cuts a load into slices: windows of time, parents, partitions.

    ``class Regions(Slicer[Options, State])`` names the options (a dataclass) and the state, or
    ``None`` where nothing has to last.

    Attributes:
        options: the manifest's ``with`` block.
    """

    kind = "slicer"

    @abstractmethod
    def start(self, context: Context) -> SliceStep[S]:
        """The first slices, or the request that lists them."""

    def next(self, page: Page, state: S) -> SliceStep[S]:
        """What the page lists; only where a step asked for a request."""
        raise NotImplementedError(f"{type(self).__name__} asked for a request, but has no method `next`")
