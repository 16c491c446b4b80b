import json
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, Optional, Union

import pytest

from dpone_sdk import JsonText, NoOptions, PluginError, option, options, read_options
from dpone_sdk.schema import schema_of


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@options
class Rule:
    """One rename."""

    from_: str = option(name="from", description="Old name.")
    to: str = option(min_length=1)


@options
class Options:
    name: str
    count: int = option(default=1, minimum=0, maximum=9, description="How many.")
    share: float = 0.5
    exact: Decimal = option(default=Decimal("0.10"))
    flag: bool = False
    mode: Literal["a", "b", 1] = "a"
    colour: Colour = Colour.RED
    rules: list[Rule] = option(default_factory=list, max_items=5)
    headers: dict[str, str] = option(default_factory=dict)
    fields: Union[str, list[str]] = "id"
    start: Optional[str] = option(default=None, pattern="^2")
    anything: JsonText = JsonText("null")
    nullable: list[Optional[int]] = option(default_factory=list)


def test_the_schema_says_what_the_class_says():
    schema = schema_of(Options)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["required"] == ["name"]
    assert schema["additionalProperties"] is False
    assert "description" not in schema
    assert json.loads(json.dumps(schema["properties"], default=float)) == {
        "name": {"type": "string"},
        "count": {"type": "integer", "minimum": 0, "maximum": 9, "description": "How many.", "default": 1},
        "share": {"type": "number", "default": 0.5},
        "exact": {"type": "number", "default": 0.1},
        "flag": {"type": "boolean", "default": False},
        "mode": {"enum": ["a", "b", 1], "default": "a"},
        "colour": {"enum": ["red", "blue"], "default": "red"},
        "rules": {
            "type": "array",
            "items": {
                "type": "object",
                "description": "One rename.",
                "properties": {
                    "from": {"type": "string", "description": "Old name."},
                    "to": {"type": "string", "minLength": 1},
                },
                "required": ["from", "to"],
                "additionalProperties": False,
            },
            "maxItems": 5,
            "default": [],
        },
        "headers": {"type": "object", "additionalProperties": {"type": "string"}, "default": {}},
        "fields": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}], "default": "id"},
        "start": {"type": "string", "pattern": "^2"},
        "anything": {"default": None},
        "nullable": {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "null"}]}, "default": []},
    }


def test_options_are_read_with_their_types():
    read = read_options(
        Options,
        """{"name": "x", "count": 2.0, "share": 1, "exact": 1.10, "flag": true, "mode": 1, "colour": "blue",
            "rules": [{"from": "a", "to": "b"}], "headers": {"h": "v"}, "fields": ["a", "b"],
            "start": "2026", "anything": [1.10, 123456789012345678901234567890], "nullable": [1, null]}""",
    )
    assert read == Options(
        name="x",
        count=2,
        share=1.0,
        exact=Decimal("1.10"),
        flag=True,
        mode=1,
        colour=Colour.BLUE,
        rules=[Rule(from_="a", to="b")],
        headers={"h": "v"},
        fields=["a", "b"],
        start="2026",
        anything=JsonText("[1.10,123456789012345678901234567890]"),
        nullable=[1, None],
    )
    assert (type(read.count), type(read.share), str(read.exact)) == (int, float, "1.10")


def test_what_is_left_out_has_its_default():
    assert read_options(Options, '{"name": "x"}') == Options(name="x")
    assert read_options(NoOptions, "") == NoOptions()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{}", "`name` is missing"),
        ('{"name": 1}', "`name`: a string was expected, not 1"),
        ('{"name": "x", "nmae": 1}', "`nmae` does not exist"),
        ('{"name": "x", "count": 1.5}', "`count`: an integer was expected, not 1.5"),
        ('{"name": "x", "count": true}', "`count`: an integer was expected, not true"),
        ('{"name": "x", "share": "1"}', '`share`: a number was expected, not "1"'),
        ('{"name": "x", "exact": null}', "`exact`: a number was expected, not null"),
        ('{"name": "x", "flag": 1}', "`flag`: true or false was expected, not 1"),
        ('{"name": "x", "mode": true}', '`mode` must be one of "a", "b", 1, not true'),
        ('{"name": "x", "rules": [{"from": "a"}]}', "`rules\\[0\\].to` is missing"),
        ('{"name": "x", "headers": {"h": 1}}', "`headers.h`: a string was expected"),
        ('{"name": "x", "fields": 1}', "a string was expected, not 1; or `fields`: a list was expected"),
        ("[]", "the value: an object was expected"),
        ("{", "line 1 column 2"),
    ],
)
def test_what_does_not_fit_is_named(text, problem):
    with pytest.raises(PluginError, match=problem) as refused:
        read_options(Options, text)
    assert refused.value.code == "invalid-options"


@dataclass
class Recursive:
    inner: "list[Recursive]" = field(default_factory=list)


@dataclass
class Unsayable:
    when: set


@options
class Misplaced:
    name: str = option(default="", minimum=1)


@pytest.mark.parametrize(
    ("cls", "problem"),
    [(Recursive, "contains itself"), (Unsayable, "Unsayable.when: an option cannot be"), (Misplaced, "`minimum` does")],
)
def test_what_no_schema_can_say_is_refused(cls, problem):
    with pytest.raises(TypeError, match=problem):
        schema_of(cls)


def test_an_unknown_keyword_is_refused():
    with pytest.raises(TypeError, match="option takes no `minimun`; it takes minimum"):
        option(minimun=1)


def test_any_value_may_be_an_option():
    @options
    class Open:
        value: Any = None

    assert read_options(Open, '{"value": {"a": [1]}}').value == {"a": [1]}
