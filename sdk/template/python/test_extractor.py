import pytest
from dpone_sdk import Page, PluginError, Records, Request, Step

from plugin import {{class}}, Options

extractor = {{class}}(Options(), records_path="data")


def test_the_first_request_has_no_cursor():
    assert extractor.start() == Step.first(Request(query={"limit": 100}))


@pytest.mark.parametrize(
    ("body", "cursor"),
    [
        ('{"meta": {"next": "a/b=="}}', "a/b=="),
        ('{"meta": {"next": 12345678901234567890}}', "12345678901234567890"),
        ('{"meta": {"next": null}}', None),
        ('{"meta": {"next": ""}}', None),
        ('{"data": []}', None),
    ],
)
def test_pages_lead_on_until_there_is_no_cursor(body, cursor):
    step = extractor.next(Page.for_test(body), None)
    assert step.records == Records.at("data")
    assert step.next == (Request(query={"limit": 100, "cursor": cursor}) if cursor else None)


def test_another_kind_of_cursor_is_refused():
    with pytest.raises(PluginError, match="cursor-kind"):
        extractor.next(Page.for_test('{"meta": {"next": true}}'), None)
