"""Transforms: change the records of a page, one batch at a time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic

from .batch import Batch, Needs
from .column import Column
from .jsontext import dumps
from .plugin import O, Plugin


@dataclass(frozen=True)
class Unchanged:
    """The batch stays as it is, byte for byte."""


UNCHANGED = Unchanged()


@dataclass(frozen=True)
class Replaced:
    """The batch's new records as NDJSON; any number of them."""

    ndjson: bytes

    @classmethod
    def of(cls, records: Iterable[Any]) -> Replaced:
        """Objects, written as ``dumps`` does."""
        return cls("".join(f"{dumps(record)}\n" for record in records).encode())


@dataclass(frozen=True)
class Edits:
    """Edits to a batch, applied in the order keep, rename, drop, set. What they do not touch stays
    byte for byte.

    Args:
        keep: one truth value a record, of which the false ones are dropped; ``None`` keeps all.
        rename: from and to.
        drop: fields to leave out of every record.
        set: fields to set, each with one value a record (of the batch as it came, dropped records
            included); a missing value leaves the field out.
    """

    keep: Sequence[bool] | None = None
    rename: Mapping[str, str] = field(default_factory=dict)
    drop: Sequence[str] = ()
    set: Mapping[str, Column] = field(default_factory=dict)

    def verify(self, records: int) -> None:
        """Refuses edits that do not fit a batch of so many records.

        Raises:
            ValueError: a length differs; the message names the field.
        """
        if self.keep is not None and len(self.keep) != records:
            raise ValueError(f"Edits.keep has {len(self.keep)} entries for {records} records")
        for name, column in self.set.items():
            if len(column) != records:
                raise ValueError(f"Edits.set has {len(column)} values of {name!r} for {records} records")


Outcome = Unchanged | Edits | Replaced


class Transform(Plugin[O], Generic[O]):
    """Changes records. It keeps nothing from batch to batch.

    ``class Mask(Transform[Options])`` names the options, a dataclass.

    Attributes:
        options: the manifest's ``with`` block.
    """

    kind = "transform"

    @abstractmethod
    def needs(self) -> Needs:
        """What :meth:`apply` asks the batch for; the host refuses anything else."""

    @abstractmethod
    def apply(self, batch: Batch) -> Outcome:
        """What becomes of the batch."""
