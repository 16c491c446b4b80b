"""The exports of a check's component."""

from __future__ import annotations

from wit_world import exports
from wit_world.exports import check as wit
from wit_world.imports import batches, distinct, types

from .. import _host
from ..batch import Batch
from ..check import Counts, Stage, Verdict
from ..jsontext import dumps
from .boundary import configure, description, guarded, plugin
from .convert import needs

_host.distinct = distinct

_STAGES = {Stage.BEFORE_PUBLISH: wit.Stage.BEFORE_PUBLISH, Stage.AFTER_DELIVERY: wit.Stage.AFTER_DELIVERY}


class Check(exports.Check):
    @guarded
    def describe(self) -> types.Description:
        return description()

    @guarded
    def configure(self, options: str) -> wit.Configured:
        check = configure(lambda cls: cls(cls.read_options(options)))
        return wit.Configured(needs(check.needs()), _STAGES[check.stage])

    @guarded
    def observe(self, batch: batches.Batch, state: bytes) -> bytes:
        check = plugin()
        written: bytes = check.write_state(check.observe(Batch(batch), check.read_state(state)))
        return written

    @guarded
    def finish(self, counts: wit.Counts, state: bytes) -> wit.Verdict:
        check = plugin()
        counted = Counts(counts.source_rows, counts.rows, counts.acknowledged, counts.pages)
        verdict = check.finish(counted, check.read_state(state))
        if not isinstance(verdict, Verdict):
            raise TypeError(f"a Verdict was expected of `finish`, not {verdict!r:.80}")
        return wit.Verdict(bool(verdict.passed), verdict.message, dumps(verdict.observed))
