"""The five base classes, and what `export` and the state make of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Generic, Optional, TypeVar

import pytest

from dpone_sdk import (
    AnswerError,
    Batch,
    Check,
    Column,
    Counts,
    Edits,
    Ending,
    Extractor,
    NoOptions,
    Page,
    PluginError,
    Records,
    Replaced,
    Request,
    Secret,
    Slice,
    Slicer,
    SliceStep,
    Step,
    Verdict,
    distinct,
    export,
    log,
    option,
    options,
)
from dpone_sdk.plugin import exported
from dpone_sdk.request import json_pairs, text_pairs


@options
class Options:
    size: int = option(default=2)


@dataclass
class State:
    offset: int = 0
    seen: list[str] = field(default_factory=list)
    share: Optional[Decimal] = None


class Offset(Extractor[Options, State]):
    def start(self) -> Step[State]:
        return Step.first(Request(query={"offset": 0}), State())

    def next(self, page: Page, state: State) -> Step[State]:
        records = Records.at(self.records_path)
        if (page.count(self.records_path) or 0) < self.options.size:
            return Step.last(records, state)
        following = State(state.offset + self.options.size)
        return Step.more(records, Request(query={"offset": following.offset}), following)


class MinRows(Check[NoOptions, int]):
    def observe(self, batch: Batch, state: int) -> int:
        return state + len(batch)

    def finish(self, counts: Counts, state: int) -> Verdict:
        return Verdict(state > 0, f"{state} rows", {"rows": state})


def test_types_come_from_the_class_line():
    assert (Offset.kind, Offset.options_type, Offset.state_type) == ("extractor", Options, State)
    assert (MinRows.kind, MinRows.options_type, MinRows.state_type) == ("check", NoOptions, int)
    assert '"size":{"type":"integer","default":2}' in Offset.options_schema()


def test_types_come_through_a_base_of_ones_own():
    T = TypeVar("T")

    class Base(Extractor[Options, T], Generic[T]):
        pass

    class Own(Base[int]):
        pass

    class Same(Own):
        pass

    for cls in (Own, Same):
        assert (cls.kind, cls.options_type, cls.state_type) == ("extractor", Options, int)


def test_an_extractor_walks():
    extractor = Offset(Options(), "items")
    assert extractor.start().next == Request(query={"offset": 0})
    step = extractor.next(Page.for_test('{"items": [1, 2]}'), State())
    assert (step.next, step.state) == (Request(query={"offset": 2}), State(2))
    assert extractor.next(Page.for_test('{"items": [1]}'), State(2)).next is None
    assert extractor.ahead(State(), 3) == []


def test_states_go_through_json():
    for state in (State(), State(3, ["a"], Decimal("1.10"))):
        assert Offset.read_state(Offset.write_state(state)) == state
    assert Offset.read_state(b"") == State()
    assert MinRows.read_state(b"") == 0
    assert MinRows.write_state(7) == b"7"


def test_a_state_of_another_type_is_the_plugins_mistake():
    with pytest.raises(TypeError, match="Offset declares a state of type State, but returned None"):
        Offset.write_state(None)
    with pytest.raises(PluginError, match="invalid-state"):
        Offset.read_state(b'{"offset": "x"}')
    with pytest.raises(PluginError, match="invalid-state"):
        Offset.read_state(b"{")


def test_a_state_starts_with_defaults():
    @dataclass
    class Needy:
        value: int

    class Bad(Check[NoOptions, Needy]):
        def observe(self, batch: Batch, state: Needy) -> Needy:
            return state

        def finish(self, counts: Counts, state: Needy) -> Verdict:
            return Verdict(True, "")

    with pytest.raises(TypeError, match="the state Needy needs a default for each field"):
        Bad.read_state(b"")


def test_export_takes_a_whole_plugin():
    before = len(exported())
    assert export(MinRows) is MinRows
    assert exported()[before:] == [MinRows]

    class Half(Check[NoOptions, None]):
        def observe(self, batch: Batch, state: None) -> None:
            return None

    class Unnamed(Check):  # type: ignore[type-arg]
        def observe(self, batch, state):
            return state

        def finish(self, counts, state):
            return Verdict(True, "")

    for bad, problem in [
        (Half, "Half lacks the method finish, which each check has"),
        (Unnamed, r"Unnamed does not name its options: write Check\[Options, ...\]"),
        (Check, "lacks the method"),
        (dict, "export takes a subclass of Extractor"),
        (MinRows(NoOptions()), "export takes a subclass of Extractor"),
    ]:
        with pytest.raises(TypeError, match=problem):
            export(bad)
    assert exported()[before:] == [MinRows]


def test_options_are_a_dataclass():
    with pytest.raises(TypeError, match="Bad: the options must be a dataclass"):

        class Bad(Check[dict, None]):
            pass


def test_request_values():
    request = Request(
        query=[("id", 1), ("id", "2"), ("all", True), ("key", Secret("k")), ("max", Decimal("1.10"))],
        body={"filter": {"a": [1]}, "token": Secret("t")},
    )
    assert text_pairs("query", request.query) == [
        ("id", "1"),
        ("id", "2"),
        ("all", "true"),
        ("key", Secret("k")),
        ("max", "1.10"),
    ]
    assert json_pairs("body", request.body) == [("filter", '{"a":[1]}'), ("token", Secret("t"))]
    assert Request.to_url("/next") == Request(url="/next")
    for arguments, problem in [
        (
            {"query": {"cursor": None}},
            "query 'cursor': a string, a number, a boolean or a Secret was expected, not None",
        ),
        ({"headers": {"x": 1.5}}, "headers 'x'"),
        ({"body": {"x": {1}}}, "body 'x': a set cannot be written as JSON"),
    ]:
        with pytest.raises(TypeError, match=problem):
            Request(**arguments)


def test_records():
    assert Records.of(b'{"a":1}\n').ndjson == b'{"a":1}\n'
    assert Records.of([{"a": Decimal("1.10")}, {"a": "é"}]).ndjson == '{"a":1.10}\n{"a":"é"}\n'.encode()
    assert Replaced.of([{"a": 1}]) == Replaced(b'{"a":1}\n')


def test_edits_fit_their_batch():
    Edits(keep=[True], set={"a": Column.of([1])}).verify(1)
    with pytest.raises(ValueError, match="Edits.keep has 1 entries for 2 records"):
        Edits(keep=[True]).verify(2)
    with pytest.raises(ValueError, match="Edits.set has 1 values of 'a' for 2 records"):
        Edits(set={"a": Column.of([1])}).verify(2)


def test_slices():
    with pytest.raises(PluginError, match="slice-id"):
        Slice("eu west")

    class Forgetful(Slicer[NoOptions, None]):
        def start(self, context):
            return SliceStep.more([Slice("a")], Request())

    with pytest.raises(NotImplementedError, match="Forgetful asked for a request, but has no method `next`"):
        Forgetful(NoOptions()).next(Page.for_test("{}"), None)


def test_distinct_stands_in_for_the_host():
    distinct.clear_for_test()
    distinct.add("keys", Batch.for_test('{"a":1,"b":"x"}\n{"a":2,"b":"x"}\n{"a":null,"b":"x"}'), ["a", "b"])
    distinct.add("keys", Batch.for_test('{"a":1,"b":"x"}', page=2), ["a", "b"])
    found = distinct.repeats("keys")
    assert (found.rows, list(found.examples)) == (1, [distinct.Repeat('[1,"x"]', (1, 0), (2, 0))])
    assert distinct.repeats("other") == distinct.Repeats(0, [])


def test_the_log_is_seen_by_pytest(caplog):
    log.warn("odd")
    assert [(record.levelname, record.message) for record in caplog.records] == [("WARNING", "odd")]


def test_errors_say_where():
    error = PluginError("no-number", "the amount is text", record=3, field="amount")
    assert str(error) == "no-number: the amount is text (record 3) (field amount)"
    assert (error.blames, AnswerError("cursor-kind", "an object").blames) == ("plugin", "answer")


def test_a_last_step_says_why():
    step = Step.last(Records.none(), ended=Ending("cursor-null", "`next` is null", "next"))
    assert (step.next, step.ended and step.ended.looked_at) == (None, "next")
    assert Step.last(Records.none()).ended is None
    assert Request(may_be_past_end=True) != Request()
