"""The exports of an extractor's component."""

from __future__ import annotations

from wit_world import exports
from wit_world.exports import extractor as wit
from wit_world.imports import pages, types

from ..extractor import Records, Step
from ..page import Page
from .boundary import configure, description, guarded, plugin
from .convert import optional_request, request


class Extractor(exports.Extractor):
    @guarded
    def describe(self) -> types.Description:
        return description()

    @guarded
    def configure(self, settings: wit.Settings) -> None:
        configure(lambda cls: cls(cls.read_options(settings.options), settings.records_path))

    @guarded
    def start(self) -> wit.Step:
        return _step(plugin().start())

    @guarded
    def next(self, page: pages.Page, state: bytes) -> wit.Step:
        walker = plugin()
        return _step(walker.next(Page(page), walker.read_state(state)))

    @guarded
    def ahead(self, state: bytes, n: int) -> list[types.Request]:
        walker = plugin()
        return [request(given) for given in walker.ahead(walker.read_state(state), n)]


def _step(step: Step[object]) -> wit.Step:
    if not isinstance(step, Step):
        raise TypeError(f"a Step was expected, not {step!r:.80}")
    ended = step.ended and wit.Ending(step.ended.reason, step.ended.message, step.ended.looked_at)
    return wit.Step(_records(step.records), optional_request(step.next), ended, plugin().write_state(step.state))


def _records(records: Records) -> wit.Records:
    if records.ndjson is not None:
        return wit.Records_Bytes(records.ndjson)
    return wit.Records_None_() if records.path is None else wit.Records_At(records.path)
