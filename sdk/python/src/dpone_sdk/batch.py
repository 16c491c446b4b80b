"""The records of one page, as transforms and checks may ask about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from . import raw
from .column import Column
from .jsontext import JsonText


@dataclass(frozen=True)
class Needs:
    """What a transform or a check reads of a batch; the host refuses anything else."""

    fields: Sequence[str] = ()
    """Top-level fields whose columns it asks for."""
    bytes: bool = False
    """Whether it asks for the records' bytes."""


class BatchHost(Protocol):
    """What answers for a batch: the host in a component, a stand-in natively."""

    def len(self) -> int: ...
    def column(self, field: str) -> Any: ...
    def bytes(self) -> bytes: ...


class Batch:
    """A handle: nothing crosses into the plugin before it is asked for. It ends with the call."""

    def __init__(self, host: BatchHost, page: int = 1) -> None:
        self._host = host
        self._page = page

    def __len__(self) -> int:
        """How many records there are."""
        return self._host.len()

    def column(self, field: str) -> Column:
        """The column of a top-level field that ``needs`` declared; another one is a fault."""
        found = self._host.column(field)
        return Column(found.kinds, found.offsets, found.text)

    def bytes(self) -> bytes:
        """The records as NDJSON, one a line; only where ``needs`` declared bytes."""
        return self._host.bytes()

    @classmethod
    def for_test(cls, ndjson: str, *, page: int = 1, needs: Needs | None = None) -> Batch:
        """A batch of these records, one JSON object a line.

        Args:
            ndjson: empty lines are left out.
            page: the page's number in the walk, from 1; ``distinct`` tells it.
            needs: where given, asking for anything else is an error, as in the host.

        Raises:
            ValueError: a line is no JSON object; the message has its number.
        """
        return cls(_TestBatch(_lines(ndjson), needs), page)


def _lines(ndjson: str) -> list[tuple[str, dict[str, str]]]:
    found = []
    for number, line in enumerate(ndjson.split("\n"), 1):
        if not line.strip():
            continue
        try:
            members = raw.members(line)
        except ValueError as error:
            raise ValueError(f"line {number} is not JSON: {error}") from error
        if members is None:
            raise ValueError(f"line {number} is no JSON object: {line:.80}")
        found.append((line, members))
    return found


class _TestBatch:
    def __init__(self, lines: Iterable[tuple[str, dict[str, str]]], needs: Needs | None) -> None:
        self.lines = list(lines)
        self.needs = needs

    def len(self) -> int:
        return len(self.lines)

    def column(self, field: str) -> Column:
        if self.needs is not None and field not in self.needs.fields:
            raise LookupError(f"asked for the column `{field}`, which `needs` does not declare")
        return Column.of(JsonText(members.get(field, "")) for _, members in self.lines)

    def bytes(self) -> bytes:
        if self.needs is not None and not self.needs.bytes:
            raise LookupError("asked for the records' bytes, which `needs` does not declare")
        return "".join(f"{line}\n" for line, _ in self.lines).encode()
