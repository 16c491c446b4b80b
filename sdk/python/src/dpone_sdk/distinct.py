"""Sets that the host keeps for a check, in bounded memory whatever the number of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from . import _host
from .batch import Batch


@dataclass(frozen=True)
class Repeat:
    """A value that occurs more than once."""

    value: str
    """The values as a compact JSON array, one element a field."""
    first: tuple[int, int]
    """Page (from 1) and record (from 0) of the first occurrence."""
    second: tuple[int, int]


@dataclass(frozen=True)
class Repeats:
    """What was added more than once."""

    rows: int = 0
    """How many rows repeat an earlier one."""
    examples: Sequence[Repeat] = ()
    """Up to ten of them."""


def add(name: str, batch: Batch, fields: Sequence[str]) -> None:
    """Adds one value a record (all ``fields`` together) to this check's set of that name. A record
    where any of the fields is missing or null is left out."""
    if _host.distinct is not None:
        _host.distinct.add(name, batch._host, list(fields))
        return
    columns = [batch.column(field) for field in fields]
    for record in range(len(batch)):
        values = [column[record] for column in columns]
        if all(value.is_present for value in values):
            value = f"[{','.join(value.json for value in values)}]"
            _sets.setdefault(name, {}).setdefault(value, []).append((batch._page, record))


def repeats(name: str) -> Repeats:
    """What was added more than once. Only in ``finish``."""
    if _host.distinct is not None:
        found = _host.distinct.repeats(name)
        examples = [
            Repeat(r.value, (r.first_page, r.first_record), (r.second_page, r.second_record)) for r in found.examples
        ]
        return Repeats(found.rows, examples)
    repeated = {value: at for value, at in sorted(_sets.get(name, {}).items()) if len(at) > 1}
    examples = [Repeat(value, at[0], at[1]) for value, at in repeated.items()][:10]
    return Repeats(sum(len(at) - 1 for at in repeated.values()), examples)


_sets: dict[str, dict[str, list[tuple[int, int]]]] = {}


def clear_for_test() -> None:
    """Empties the sets that stand in for the host's in native tests."""
    _sets.clear()
