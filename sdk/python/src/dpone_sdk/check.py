"""Checks: observe what passes and give a verdict."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic

from .batch import Batch, Needs
from .plugin import O, Plugin, S


class Stage(Enum):
    """When a verdict can be given, at the earliest."""

    BEFORE_PUBLISH = "before-publish"
    """Before the first message is out, where the slice is staged."""
    AFTER_DELIVERY = "after-delivery"
    """Only when everything was delivered."""


@dataclass(frozen=True)
class Counts:
    """What has been counted when a verdict is asked for."""

    source_rows: int = 0
    """Records that the source gave inside the boundary."""
    rows: int = 0
    """Records left after transforms: those that are (to be) published."""
    acknowledged: int | None = None
    """Messages that the broker acknowledged; ``None`` before publication."""
    pages: int = 0


@dataclass(frozen=True)
class Verdict:
    """A check's last word.

    Args:
        passed: whether the run may go on.
        message: one line: what was found, against what was asked for.
        observed: what was measured, any JSON value, for the run's artifact.
    """

    passed: bool
    message: str
    observed: Any = field(default_factory=dict)


class Check(Plugin[O], Generic[O, S]):
    """Observes the records that are to be published; it cannot change anything.

    ``class Nulls(Check[Options, State])`` names the options (a dataclass) and the state, which
    starts as ``State()``: each field of a dataclass needs a default. ``None`` is no state.

    Attributes:
        options: the check's own keys in the manifest.
        stage: when the verdict can be given.
    """

    kind = "check"
    stage: Stage = Stage.BEFORE_PUBLISH

    def needs(self) -> Needs:
        """What :meth:`observe` asks the batch for; by default nothing but its length."""
        return Needs()

    @abstractmethod
    def observe(self, batch: Batch, state: S) -> S:
        """Called for each page, in order; gives the state for the next one."""

    @abstractmethod
    def finish(self, counts: Counts, state: S) -> Verdict:
        """The verdict over all pages."""
