"""How options are declared: a frozen dataclass, whose fields carry what the schema says."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")

KEYWORDS = {
    "minimum": "minimum",
    "maximum": "maximum",
    "exclusive_minimum": "exclusiveMinimum",
    "exclusive_maximum": "exclusiveMaximum",
    "min_length": "minLength",
    "max_length": "maxLength",
    "pattern": "pattern",
    "min_items": "minItems",
    "max_items": "maxItems",
    "unique_items": "uniqueItems",
    "examples": "examples",
}
"""From an argument of :func:`option` to the keyword of JSON Schema."""


@overload
def option(*, default: T, description: str = ..., name: str = ..., **keywords: Any) -> T: ...
@overload
def option(*, default_factory: Callable[[], T], description: str = ..., name: str = ..., **keywords: Any) -> T: ...
@overload
def option(*, description: str = ..., name: str = ..., **keywords: Any) -> Any: ...
def option(
    *,
    default: Any = dataclasses.MISSING,
    default_factory: Any = dataclasses.MISSING,
    description: str = "",
    name: str = "",
    **keywords: Any,
) -> Any:
    """Declares one option.

    Args:
        default: what it is when the manifest leaves it out; without one it is required.
        default_factory: makes the default, for lists and mappings.
        description: one sentence; the host shows it beside the option.
        name: its name in the manifest, where that is no Python identifier.
        keywords: ``minimum``, ``maximum``, ``exclusive_minimum``, ``exclusive_maximum``,
            ``min_length``, ``max_length``, ``pattern``, ``min_items``, ``max_items``,
            ``unique_items`` and ``examples``, as in JSON Schema. The host enforces them before the
            plugin is called.

    Raises:
        TypeError: there is no such keyword.
    """
    unknown = set(keywords) - set(KEYWORDS)
    if unknown:
        raise TypeError(f"option takes no `{min(unknown)}`; it takes {', '.join(KEYWORDS)}")
    metadata = {"description": description, "name": name, "keywords": keywords}
    if default_factory is not dataclasses.MISSING:
        return dataclasses.field(default_factory=default_factory, metadata=metadata, kw_only=True)
    return dataclasses.field(default=default, metadata=metadata, kw_only=True)


def _options(cls: type[T]) -> type[T]:
    """Makes a class an options class: a frozen dataclass with keyword arguments only.

    Each annotated field is an option: ``str``, ``int``, ``float``, ``bool``, ``Decimal`` (exact),
    ``JsonText`` (any value, as written), ``Literal``, an ``Enum``, another options class,
    ``list[T]``, ``dict[str, T]``, a union of these, or ``Optional[T]`` for one that may be left
    out.
    """
    return dataclasses.dataclass(frozen=True, kw_only=True)(cls)


if sys.version_info >= (3, 11):
    from typing import dataclass_transform

    options = dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(option,))(_options)
else:
    options = _options


@options
class NoOptions:
    """For a plugin that takes none."""
