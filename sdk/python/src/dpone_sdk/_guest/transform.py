"""The exports of a transform's component."""

from __future__ import annotations

from wit_world import exports
from wit_world.exports import transform as wit
from wit_world.imports import batches, types

from ..batch import Batch
from ..column import Column
from ..transform import Edits, Outcome, Replaced, Unchanged
from .boundary import configure, description, guarded, plugin
from .convert import needs


class Transform(exports.Transform):
    @guarded
    def describe(self) -> types.Description:
        return description()

    @guarded
    def configure(self, options: str) -> types.Needs:
        return needs(configure(lambda cls: cls(cls.read_options(options))).needs())

    @guarded
    def apply(self, batch: batches.Batch) -> wit.Outcome:
        return _outcome(plugin().apply(Batch(batch)), batch)


def _outcome(outcome: Outcome, batch: batches.Batch) -> wit.Outcome:
    if isinstance(outcome, Unchanged):
        return wit.Outcome_Unchanged()
    if isinstance(outcome, Replaced):
        return wit.Outcome_Replaced(outcome.ndjson)
    if isinstance(outcome, Edits):
        outcome.verify(batch.len())
        return wit.Outcome_Edited(_edits(outcome))
    raise TypeError(f"UNCHANGED, Edits or Replaced was expected of `apply`, not {outcome!r:.80}")


def _edits(edits: Edits) -> wit.Edits:
    return wit.Edits(
        None if edits.keep is None else bytes(map(bool, edits.keep)),
        [wit.Renamed(old, new) for old, new in edits.rename.items()],
        list(edits.drop),
        [wit.SetColumn(name, _column(column)) for name, column in edits.set.items()],
    )


def _column(column: Column) -> types.Column:
    return types.Column(column.kinds, list(column.offsets), column.text)
