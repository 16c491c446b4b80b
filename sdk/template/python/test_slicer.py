import pytest
from dpone_sdk import Context, PluginError, Request, Slice, SliceStep

from plugin import {{class}}, Options


def test_each_value_is_a_slice():
    slicer = {{class}}(Options(param="region", values=["eu", "us west"]))
    assert slicer.start(Context(lower="2026-01-01T00:00:00Z")) == SliceStep.last(
        [
            Slice("eu", Request(query={"region": "eu"})),
            Slice("us_west", Request(query={"region": "us west"})),
        ]
    )


def test_two_values_with_one_id_are_refused():
    with pytest.raises(PluginError, match="same-slice"):
        {{class}}(Options(param="region", values=["us west", "us/west"]))


def test_an_empty_value_is_refused():
    with pytest.raises(PluginError, match="slice-id"):
        {{class}}(Options(param="region", values=[""])).start(Context())
