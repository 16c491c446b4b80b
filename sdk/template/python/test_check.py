from decimal import Decimal

import pytest
from dpone_sdk import Batch, Counts

from plugin import {{class}}, Options, State


def verdict(pages, max_share):
    check = {{class}}(Options(field="email", max_share=Decimal(max_share)))
    state = State()
    for page in pages:
        state = check.observe(Batch.for_test(page, needs=check.needs()), state)
    return check.finish(Counts(), state)


PAGES = ['{"email": "a@example.com"}\n{"email": null}', '{"email": ""}\n{"id": 1}']


@pytest.mark.parametrize(("max_share", "passed"), [("0", False), ("0.49", False), ("0.5", True), ("1", True)])
def test_null_and_missing_count(max_share, passed):
    found = verdict(PAGES, max_share)
    assert found.passed is passed
    assert found.observed == State(records=4, empty=2)
    assert found.message.startswith("2 of 4 records have no email")


def test_no_records_pass():
    assert verdict([], "0").passed
