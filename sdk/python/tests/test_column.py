from decimal import Decimal

import pytest

from dpone_sdk import MISSING, Batch, Column, JsonText, Kind, Needs, Value, loads

TEXTS = ["", "null", "false", "true", "-0.0", "1E400", '"a\\u00e9"', '"é"', "[1, 2]", '{"a" : 1}']
KINDS = [
    Kind.MISSING,
    Kind.NULL,
    Kind.FALSE,
    Kind.TRUE,
    Kind.NUMBER,
    Kind.NUMBER,
    Kind.STRING,
    Kind.STRING,
    Kind.ARRAY,
    Kind.OBJECT,
]


def written(texts):
    return Column.of(JsonText(text) for text in texts)


@pytest.mark.parametrize("texts", [TEXTS, [text for text in TEXTS if text.isascii()], []])
def test_values_come_back_byte_for_byte(texts):
    column = written(texts)
    assert column.texts() == texts
    assert [value.json for value in column] == texts
    assert [column[i].json for i in range(len(column))] == texts
    assert len(column.offsets) == len(texts) + 1
    assert column.offsets[-1] == len(column.text)


def test_kinds_are_read_off_the_text():
    assert [value.kind for value in written(TEXTS)] == KINDS
    assert written(TEXTS).count(Kind.NUMBER) == 2
    assert written(TEXTS).count(Kind.NULL, Kind.MISSING) == 2


def test_indexes():
    column = Column.of([1, 2, 3])
    assert (column[0].as_int(), column[-1].as_int()) == (1, 3)
    with pytest.raises(IndexError):
        column[3]


def test_python_values_become_json():
    column = Column.of([None, MISSING, 'a"b\n', 1, True, Decimal("1.10"), loads("2.50"), [1], Value.of_json("7.0")])
    assert column.texts() == ["null", "", '"a\\"b\\n"', "1", "true", "1.10", "2.50", "[1]", "7.0"]


def test_a_line_break_between_tokens_goes():
    assert written(["[1,\n2]\n"]).texts() == ["[1, 2]"]


def test_whole_columns():
    column = written(['"a"', '"\\u00e9\\ud800"', "1.10", "null", ""])
    assert column.strings() == ["a", "é\ufffd", None, None, None]
    assert written(['"a"', '"null"', "null", ""]).strings() == ["a", "null", None, None]
    assert column.decimals() == [None, None, Decimal("1.10"), None, None]


def test_typed_accessors_refuse_other_kinds():
    column = written(['"7"', "7", "7.5", "true", "1e1234567890123456789012"])
    assert [value.as_int() for value in column] == [None, 7, None, None, None]
    assert [value.as_decimal() for value in column] == [None, Decimal(7), Decimal("7.5"), None, None]
    assert [value.as_bool() for value in column] == [None, None, None, True, None]
    assert [value.as_str() for value in column] == ["7", None, None, None, None]


def test_columns_compare_by_what_they_hold():
    assert Column.of(["a"]) == written(['"a"'])
    assert Column.of([1]) != written(["1.0"])
    assert repr(Column.of(["a", MISSING])) == 'Column("a", missing)'


def test_batches_answer_like_the_host():
    batch = Batch.for_test('{"a":1.10,"b":"x"}\n\n{ "a" : null }')
    assert len(batch) == 2
    assert batch.column("a").texts() == ["1.10", "null"]
    assert batch.column("b").texts() == ['"x"', ""]
    assert batch.bytes() == b'{"a":1.10,"b":"x"}\n{ "a" : null }\n'


@pytest.mark.parametrize(
    ("ndjson", "problem"), [("{}\n[1]", "line 2 is no JSON object"), ('{"a"}', "line 1 is not JSON")]
)
def test_a_bad_line_is_named(ndjson, problem):
    with pytest.raises(ValueError, match=problem):
        Batch.for_test(ndjson)


def test_what_was_not_declared_is_refused():
    batch = Batch.for_test('{"a":1}', needs=Needs(fields=["a"]))
    assert batch.column("a").texts() == ["1"]
    with pytest.raises(LookupError, match="`b`"):
        batch.column("b")
    with pytest.raises(LookupError, match="bytes"):
        batch.bytes()
