"""The host's functions, where there is a host: a component sets these before anything is called.

Natively they stay unset, so the same plugin code runs under pytest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

log: Callable[[str, str], None] | None = None
"""Takes a level (``debug``, ``info``, ``warn``, ``error``) and a message."""

http: Callable[..., Any] | None = None
"""Takes a method, a URL, headers as pairs and a body, and gives a ``Response``; where the plugin's kind may
ask for one."""

distinct: Any = None
"""The module ``distinct`` of the generated bindings, in a check."""
