import pytest
from dpone_sdk import UNCHANGED, Batch, Column, Edits, PluginError

from plugin import {{class}}, Options


def apply(ndjson, **options):
    plugin = {{class}}(Options(field="currency", **options))
    # With `needs`, a column that was not declared is an error here as it is in the host.
    return plugin.apply(Batch.for_test(ndjson, needs=plugin.needs()))


def test_texts_become_capitals():
    assert apply('{"currency": "eur"}\n{"currency": "USD"}') == Edits(
        keep=[True, True], set={"currency": Column.of(["EUR", "USD"])}
    )


def test_records_without_the_field_go():
    edits = apply('{"currency": "eur"}\n{"id": 1}\n{"currency": null}')
    assert edits.keep == [True, False, False]
    assert [value.json for value in edits.set["currency"]] == ['"EUR"', "", "null"]


def test_records_without_the_field_may_stay():
    assert apply('{"id": 1}', keep_empty=True) == UNCHANGED


def test_a_batch_in_capitals_stays_as_it_is():
    assert apply('{"currency": "EUR"}') == UNCHANGED


def test_a_number_is_refused_with_its_record():
    with pytest.raises(PluginError) as refused:
        apply('{"currency": "eur"}\n{"currency": 978}')
    assert (refused.value.code, refused.value.record, refused.value.field) == ("no-text", 1, "currency")
