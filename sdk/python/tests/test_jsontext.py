from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

import pytest

from dpone_sdk import JsonText, dumps, loads, option, options
from dpone_sdk.jsontext import unescape

WRITTEN = [
    "null",
    "true",
    "0",
    "-0",
    "1.10",
    "-0.0",
    "1E400",
    "2.50e-3",
    "123456789012345678901234567890",
    "9" * 5000,
    '"é\\"\\n"',
    "[]",
    "{}",
    '[1,[2.0,{"a":"b"}]]',
    '{"a":1.10,"b":[true,null]}',
]


@pytest.mark.parametrize("text", WRITTEN)
def test_what_is_read_is_written_as_it_came(text):
    assert dumps(loads(text)) == text


def test_numbers_compute_exactly():
    assert loads("0.1") + loads("0.2") == Decimal("0.3")
    assert dumps(loads("0.1") * 2) == "0.2"


@pytest.mark.parametrize("text", ["", "{", "NaN", "Infinity", "1.", "01", "[1,]", "1e99999999999999999999"])
def test_what_is_not_json_is_refused(text):
    with pytest.raises(ValueError):
        loads(text)


def test_python_values_have_a_json_form():
    class Colour(Enum):
        RED = "red"

    @options
    class Inner:
        from_: int = option(name="from")

    @dataclass
    class Outer:
        colour: Colour
        inner: Inner

    assert dumps(Outer(Colour.RED, Inner(from_=1))) == '{"colour":"red","inner":{"from":1}}'
    assert dumps([JsonText("1.0"), Decimal("1.10"), (1, 2), True]) == "[1.0,1.10,[1,2],true]"


@pytest.mark.parametrize("value", [{1, 2}, b"x", object(), {1: 2}])
def test_what_has_none_is_a_type_error(value):
    with pytest.raises(TypeError, match="JSON"):
        dumps(value)


@pytest.mark.parametrize("value", [float("nan"), Decimal("NaN"), Decimal("Infinity"), float("inf")])
def test_what_is_no_number_is_a_value_error(value):
    with pytest.raises(ValueError):
        dumps(value)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ('""', ""),
        ('"caf\\u00e9"', "café"),
        ('"\\uD83D\\uDE00!"', "😀!"),
        ('"\\ud800x\\udc00"', "\ufffdx\ufffd"),
    ],
)
def test_a_lone_surrogate_is_replaced(text, plain):
    assert unescape(text) == plain
