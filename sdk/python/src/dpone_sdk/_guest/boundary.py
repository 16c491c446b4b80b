"""The edge of the component: every call of the host passes through here.

The bindings make a new object for each call, so what lasts within an instance is kept in this
module: who the plugin is, and the plugin itself once it is configured.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar

from componentize_py_types import Err
from wit_world.imports import host, types

from .. import _host
from . import requests  # noqa: F401  (it connects the plugin's own requests)
from ..errors import PluginError
from ..faults import fault_text
from ..plugin import Plugin, exported

R = TypeVar("R")


@dataclass
class _Component:
    name: str = ""
    version: str = ""
    root: str = ""
    has_wasi: bool = True
    plugin: Any = None


_component = _Component()


def install(name: str, version: str, module: ModuleType, has_wasi: bool) -> None:
    """Ties the exported class to this component, while it is built."""
    _component.name = name
    _component.version = version
    _component.root = os.path.dirname(module.__file__ or "")
    _component.has_wasi = has_wasi
    _host.log = _log
    if not has_wasi:
        # Without WASI a single `print` would end the plugin without a word.
        sys.stdout = _LogStream("info")
        sys.stderr = _LogStream("warn")


def plugin_class() -> type[Plugin[Any]]:
    return exported()[0]


def plugin() -> Any:
    """The configured plugin.

    Raises:
        PluginError: the host did not call ``configure``.
    """
    if _component.plugin is None:
        raise PluginError("not-configured", "the host did not call configure")
    return _component.plugin


def configure(make: Callable[[Any], R]) -> R:
    """Makes the plugin of this instance; the host configures once, before anything else."""
    if _component.plugin is not None:
        raise PluginError("configured-twice", "the host configured this instance before")
    made = make(plugin_class())
    _component.plugin = made
    return made


def description() -> types.Description:
    return types.Description(_component.name, _component.version, plugin_class().options_schema())


def guarded(call: Callable[..., R]) -> Callable[..., R]:
    """Lets nothing pass but results: a refusal becomes the contract's own error, and the text of
    anything else reaches the host before the component ends."""

    @functools.wraps(call)
    def guard(*arguments: Any) -> R:
        try:
            _reseed()
            return call(*arguments)
        except PluginError as refusal:
            blames = types.Blame.ANSWER if refusal.blames == "answer" else types.Blame.PLUGIN
            error = types.PluginError(refusal.code, refusal.message, refusal.record, refusal.field, blames)
            raise Err(error) from None
        except BaseException as fault:
            host.panicked(_text(fault))
            raise

    return guard


def _text(fault: BaseException) -> str:
    try:
        text = fault_text(fault, _component.root)
        if isinstance(fault, ImportError):
            text += "; a component has no files, so every import has to be at the top level of a module"
        return text
    except Exception:
        # An exception whose own `__str__` fails must not hide that there was one.
        return type(fault).__name__


def _reseed() -> None:
    """The generator of `random` was seeded when the component was built. The host's random is
    seeded anew for each call, so that a replay gives the same numbers whatever instance runs."""
    random = sys.modules.get("random")
    if random is not None and _component.has_wasi:
        random.seed(os.urandom(16))


_LEVELS = {
    "debug": host.Level.DEBUG,
    "info": host.Level.INFO,
    "warn": host.Level.WARN,
    "error": host.Level.ERROR,
}


def _log(level: str, message: str) -> None:
    host.log(_LEVELS[level], message)


class _LogStream:
    """Standard output or error as lines of the log."""

    encoding = "utf-8"

    def __init__(self, level: str) -> None:
        self._level = level
        self._line = ""

    def write(self, text: str) -> int:
        *lines, self._line = (self._line + text).split("\n")
        for line in filter(None, lines):
            _log(self._level, line)
        return len(text)

    def flush(self) -> None:
        if self._line:
            _log(self._level, self._line)
            self._line = ""

    def isatty(self) -> bool:
        return False
