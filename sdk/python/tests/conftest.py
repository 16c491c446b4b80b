"""Options of the test run."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--component", action="store_true", help="also build real components, which takes minutes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--component"):
        return
    for item in items:
        if "component" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="builds a component; run with --component"))
