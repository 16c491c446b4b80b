"""The exports of a slicer's component."""

from __future__ import annotations

from wit_world import exports
from wit_world.exports import slicer as wit
from wit_world.imports import pages, types

from ..page import Page
from ..slicer import Context, SliceStep
from .boundary import configure, description, guarded, plugin
from .convert import optional_request, request


class Slicer(exports.Slicer):
    @guarded
    def describe(self) -> types.Description:
        return description()

    @guarded
    def configure(self, options: str) -> None:
        configure(lambda cls: cls(cls.read_options(options)))

    @guarded
    def start(self, context: wit.Context) -> wit.Step:
        return _step(plugin().start(Context(context.lower, context.upper, context.started_at)))

    @guarded
    def next(self, page: pages.Page, state: bytes) -> wit.Step:
        slicer = plugin()
        return _step(slicer.next(Page(page), slicer.read_state(state)))


def _step(step: SliceStep[object]) -> wit.Step:
    if not isinstance(step, SliceStep):
        raise TypeError(f"a SliceStep was expected, not {step!r:.80}")
    slices = [wit.Slice(s.id, request(s.request), s.lower, s.upper) for s in step.slices]
    return wit.Step(slices, optional_request(step.next), plugin().write_state(step.state))
