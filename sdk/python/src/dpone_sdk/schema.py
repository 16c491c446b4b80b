"""JSON Schema (draft 2020-12) of an options class."""

from __future__ import annotations

import dataclasses
import types
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from .jsontext import JsonText, dumps, json_name, loads
from .option import KEYWORDS

DRAFT = "https://json-schema.org/draft/2020-12/schema"
NONE = type(None)

_SCALARS = {str: "string", int: "integer", float: "number", Decimal: "number", bool: "boolean", NONE: "null"}
_NUMBERS = ("minimum", "maximum", "exclusive_minimum", "exclusive_maximum")
_TAKEN_BY = {
    **dict.fromkeys(_NUMBERS, ("integer", "number")),
    **dict.fromkeys(("min_length", "max_length", "pattern"), ("string",)),
    **dict.fromkeys(("min_items", "max_items", "unique_items"), ("array",)),
}


def schema_of(options_type: Any) -> dict[str, Any]:
    """The schema of a dataclass; unknown keys are refused.

    Raises:
        TypeError: a field has a type or keyword that JSON Schema cannot say; the message names it.
    """
    return {"$schema": DRAFT, **_object(options_type, ())}


def type_hints(cls: Any) -> dict[str, Any]:
    """A dataclass's types, with names resolved where annotations are kept as text."""
    try:
        return get_type_hints(cls)
    except NameError as error:
        raise TypeError(f"{cls.__name__}: an option's type is not known at the module's top level: {error}") from error


def is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, types.UnionType)


def required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _object(cls: Any, outer: tuple[Any, ...]) -> dict[str, Any]:
    if cls in outer:
        raise TypeError(f"{cls.__name__} contains itself; options cannot be recursive")
    hints = type_hints(cls)
    properties = {}
    needed = []
    for field in dataclasses.fields(cls):
        where = f"{cls.__name__}.{field.name}"
        properties[json_name(field)] = _property(where, field, hints[field.name], (*outer, cls))
        if required(field):
            needed.append(json_name(field))
    schema: dict[str, Any] = {"type": "object"}
    # A dataclass without a docstring gets its signature as one, which says nothing to a user.
    if cls.__doc__ and not cls.__doc__.startswith(f"{cls.__name__}("):
        schema["description"] = " ".join(cls.__doc__.split())
    schema["properties"] = properties
    if needed:
        schema["required"] = needed
    schema["additionalProperties"] = False
    return schema


def _property(where: str, field: dataclasses.Field[Any], kind: Any, outer: tuple[Any, ...]) -> dict[str, Any]:
    members = [member for member in get_args(kind) if member is not NONE] if is_union(kind) else [kind]
    # `Optional` says here that the option may be left out, not that a manifest may write null.
    schema = _type(where, members[0], outer) if len(members) == 1 else _any_of(where, members, outer)
    for keyword, value in field.metadata.get("keywords", {}).items():
        takes = _TAKEN_BY.get(keyword)
        if takes and schema.get("type") not in takes:
            raise TypeError(f"{where}: `{keyword}` does not go with its type; it is for {' and '.join(takes)}")
        schema[KEYWORDS[keyword]] = value
    if field.metadata.get("description"):
        schema["description"] = field.metadata["description"]
    default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    if default is not dataclasses.MISSING and default is not None:
        schema["default"] = loads(dumps(default))
    return schema


def _type(where: str, kind: Any, outer: tuple[Any, ...]) -> dict[str, Any]:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in (Any, JsonText):
        return {}
    if isinstance(kind, type) and kind in _SCALARS:
        return {"type": _SCALARS[kind]}
    if origin is list and arguments:
        return {"type": "array", "items": _type(where, arguments[0], outer)}
    if origin is dict and arguments and arguments[0] is str:
        return {"type": "object", "additionalProperties": _type(where, arguments[1], outer)}
    if origin is Literal:
        return {"enum": list(arguments)}
    if is_union(kind):
        return _any_of(where, list(arguments), outer)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"enum": [member.value for member in kind]}
    if dataclasses.is_dataclass(kind):
        return _object(kind, outer)
    raise TypeError(
        f"{where}: an option cannot be of type {kind!r}; use str, int, float, bool, Decimal, JsonText, "
        "list[T], dict[str, T], Optional[T], Literal, an Enum or another options class"
    )


def _any_of(where: str, members: list[Any], outer: tuple[Any, ...]) -> dict[str, Any]:
    return {"anyOf": [_type(where, member, outer) for member in members]}
