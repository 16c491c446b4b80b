"""Imports every text codec of the standard library, so that plugins can decode what an API sends.

A component holds the modules that were imported when it was built, and no files: a codec that Python would
import on its first use (``utf-8-sig``, ``idna``, ``cp1252``) could not be found in the sandbox.
"""

from __future__ import annotations

import encodings
import importlib
import pkgutil


def import_all() -> list[str]:
    """Imports them, and gives the names of those that this Python has."""
    found = []
    for module in pkgutil.iter_modules(encodings.__path__):
        try:
            importlib.import_module(f"encodings.{module.name}")
        except ImportError:
            # A codec of another platform (``mbcs``), or one whose C part this Python was built without.
            continue
        found.append(module.name)
    return found


import_all()
