"""JSON without rounding: what is read and written again keeps every digit."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any

# CPython refuses to turn longer texts into an int (sys.set_int_max_str_digits).
_MAX_INT_DIGITS = 4000

# Writes one string, escaped as little as JSON allows.
encode_string = json.JSONEncoder(ensure_ascii=False).encode


class JsonNumber(Decimal):
    """A ``Decimal`` that remembers how it was written, so that ``dumps`` gives it back as it came.

    What arithmetic makes of it is a plain ``Decimal``.
    """

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> JsonNumber:
        number = super().__new__(cls, text)
        number.text = text
        return number


class JsonText:
    """One JSON value as it was written. As an option's type it takes any value.

    >>> JsonText("1.10").parse()
    Decimal('1.10')
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def parse(self) -> Any:
        """The value, as ``loads`` reads it."""
        return loads(self.text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JsonText) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"JsonText({self.text!r})"


def _read_int(text: str) -> int | JsonNumber:
    return int(text) if len(text) <= _MAX_INT_DIGITS and text != "-0" else JsonNumber(text)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_decoder = json.JSONDecoder(parse_float=JsonNumber, parse_int=_read_int, parse_constant=_refuse_constant)


def loads(text: str | bytes) -> Any:
    """Reads JSON. Integers become ``int``, other numbers ``JsonNumber`` (a ``Decimal``).

    Raises:
        ValueError: the text is not JSON, with its position, or a number's exponent is beyond what
            ``Decimal`` holds.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    try:
        return _decoder.decode(text)
    except InvalidOperation:
        raise ValueError("a number's exponent is too large") from None


def dumps(value: Any) -> str:
    """Writes a value as compact JSON.

    Takes what ``json.dumps`` takes, and ``Decimal``, ``JsonText``, dataclasses and enums.

    Raises:
        TypeError: the value, or one in it, has no JSON form.
        ValueError: NaN or infinity.
    """
    parts: list[str] = []
    _write(value, parts)
    return "".join(parts)


def _write(value: Any, parts: list[str]) -> None:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str):
        parts.append(encode_string(value))
    elif value is None:
        parts.append("null")
    elif value is True or value is False:
        parts.append("true" if value else "false")
    elif isinstance(value, int):
        parts.append(int.__repr__(value))
    elif isinstance(value, (JsonNumber, JsonText)):
        parts.append(value.text)
    elif isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{value} cannot be written as JSON")
        parts.append(str(value))
    elif isinstance(value, float):
        parts.append(json.dumps(value, allow_nan=False))
    elif isinstance(value, dict):
        _write_members(value.items(), parts)
    elif isinstance(value, (list, tuple)):
        _write_elements(value, parts)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        _write_members(members_of(value), parts)
    else:
        raise TypeError(f"a {type(value).__name__} cannot be written as JSON: {value!r:.80}")


def _write_members(members: Any, parts: list[str]) -> None:
    separator = "{"
    for name, value in members:
        if not isinstance(name, str):
            raise TypeError(f"a name in a JSON object must be a string, not {name!r:.80}")
        parts.append(f"{separator}{encode_string(name)}:")
        _write(value, parts)
        separator = ","
    parts.append("}" if separator == "," else "{}")


def _write_elements(values: Any, parts: list[str]) -> None:
    separator = "["
    for value in values:
        parts.append(separator)
        _write(value, parts)
        separator = ","
    parts.append("]" if separator == "," else "[]")


def members_of(value: Any) -> Iterator[tuple[str, Any]]:
    """A dataclass's fields under their JSON names."""
    for field in dataclasses.fields(value):
        yield json_name(field), getattr(value, field.name)


def json_name(field: dataclasses.Field[Any]) -> str:
    """What a dataclass's field is called in JSON: ``option(name=...)``, else its own name."""
    name: str | None = field.metadata.get("name")
    return name or field.name


def unescape(text: str) -> str:
    """The text of a JSON string. A lone surrogate, which UTF-8 cannot hold, becomes U+FFFD."""
    plain: str = json.loads(text)
    if "\\u" in text:
        plain = plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return plain
