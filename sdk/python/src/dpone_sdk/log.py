"""The plugin's log, bounded by the host (``limits.log``).

Natively lines go to Python's logger ``dpone``, so pytest shows them with a test that fails.
"""

from __future__ import annotations

import logging

from . import _host

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
_native = logging.getLogger("dpone")


def debug(message: str) -> None:
    """For whoever writes the plugin."""
    _write("debug", message)


def info(message: str) -> None:
    """For whoever runs it."""
    _write("info", message)


def warn(message: str) -> None:
    """Something is odd, and the run goes on."""
    _write("warn", message)


def error(message: str) -> None:
    """Something is wrong; to end the run, raise ``PluginError``."""
    _write("error", message)


def _write(level: str, message: str) -> None:
    if _host.log is not None:
        _host.log(level, message)
    else:
        _native.log(_LEVELS[level], message)
