"""From parsed JSON to typed values: options and state."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, get_args, get_origin

from .jsontext import JsonText, dumps, json_name
from .schema import NONE, is_union, required, type_hints


def decode(kind: Any, value: Any, path: str = "") -> Any:
    """What ``loads`` gave, as a value of this type.

    Raises:
        ValueError: it is none; the message starts with the place.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if kind is JsonText:
        return JsonText(dumps(value))
    if is_union(kind):
        return _decode_union(arguments, value, path)
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(kind, _expect(dict, value, path), path)
    if (origin or kind) is list:
        element = arguments[0] if arguments else Any
        return [decode(element, v, f"{path}[{i}]") for i, v in enumerate(_expect(list, value, path))]
    if (origin or kind) is dict:
        element = arguments[1] if arguments else Any
        return {name: decode(element, v, _joined(path, name)) for name, v in _expect(dict, value, path).items()}
    if origin is Literal:
        return _decode_choice({member: member for member in arguments}, value, path)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _decode_choice({member.value: member for member in kind}, value, path)
    return _decode_scalar(kind, value, path)


def initial(kind: Any) -> Any:
    """The state before the first call: ``None``, the type without arguments, or an empty value.

    Raises:
        TypeError: a dataclass whose fields do not all have defaults.
    """
    if kind in (NONE, None, Any) or (is_union(kind) and NONE in get_args(kind)):
        return None
    made = get_origin(kind) or kind
    try:
        return made()
    except TypeError as error:
        raise TypeError(f"the state {made.__name__} needs a default for each field: {error}") from error


def accepts(kind: Any, value: Any) -> bool:
    """Whether the value is of the type, judged by its outermost layer alone."""
    if kind is Any:
        return True
    if is_union(kind):
        return any(accepts(member, value) for member in get_args(kind))
    outermost = get_origin(kind) or kind
    if outermost is Literal:
        return value in get_args(kind)
    if outermost is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, NONE if outermost is None else outermost)


def _decode_dataclass(kind: Any, members: dict[str, Any], path: str) -> Any:
    hints = type_hints(kind)
    arguments = {}
    for field in dataclasses.fields(kind):
        name = json_name(field)
        if name in members:
            arguments[field.name] = decode(hints[field.name], members[name], _joined(path, name))
        elif required(field):
            raise ValueError(f"`{_joined(path, name)}` is missing")
    unknown = set(members) - {json_name(field) for field in dataclasses.fields(kind)}
    if unknown:
        raise ValueError(f"`{_joined(path, min(unknown))}` does not exist")
    return kind(**arguments)


def _decode_union(members: tuple[Any, ...], value: Any, path: str) -> Any:
    problems = []
    # Exact types first: an integer should not become a float because that was named first.
    for member in sorted(members, key=lambda member: not accepts(member, value)):
        try:
            return decode(member, value, path)
        except ValueError as error:
            problems.append(str(error))
    raise ValueError(problems[0] if len(set(problems)) == 1 else "; or ".join(problems))


def _decode_choice(choices: dict[Any, Any], value: Any, path: str) -> Any:
    # `True == 1` in Python, but not in JSON.
    for known, member in choices.items():
        if known == value and isinstance(known, bool) == isinstance(value, bool):
            return member
    raise ValueError(f"{_at(path)} must be one of {', '.join(map(dumps, choices))}, not {_shown(value)}")


def _decode_scalar(kind: Any, value: Any, path: str) -> Any:
    if kind in (NONE, None):
        if value is None:
            return None
        raise _other("null", value, path)
    if kind in (str, bool):
        return _expect(kind, value, path)
    is_number = isinstance(value, (int, Decimal)) and not isinstance(value, bool)
    if kind is int:
        # `3.0` is an integer for JSON Schema, too.
        if is_number and (isinstance(value, int) or value == value.to_integral_value()):
            return int(value)
        raise _other("an integer", value, path)
    if kind is float:
        if is_number:
            return float(value)
        raise _other("a number", value, path)
    if kind is Decimal:
        if is_number:
            return value if isinstance(value, Decimal) else Decimal(value)
        raise _other("a number", value, path)
    raise TypeError(f"{_at(path)}: a value of type {kind!r} cannot be read from JSON")


_NAMES = {str: "a string", bool: "true or false", list: "a list", dict: "an object"}


def _expect(kind: Any, value: Any, path: str) -> Any:
    if not isinstance(value, kind):
        raise _other(_NAMES[kind], value, path)
    return value


def _other(expected: str, value: Any, path: str) -> ValueError:
    return ValueError(f"{_at(path)}: {expected} was expected, not {_shown(value)}")


def _shown(value: Any) -> str:
    text = dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _at(path: str) -> str:
    return f"`{path}`" if path else "the value"


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
