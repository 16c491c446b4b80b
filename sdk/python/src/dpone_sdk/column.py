"""The values of one field over a batch, as JSON text.

A column crosses into the plugin in one call, whatever the number of records; nothing is parsed
before it is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import IntEnum
from itertools import accumulate
from typing import Any, Final

from .jsontext import JsonText, dumps, encode_string, unescape


class Kind(IntEnum):
    """What kind of JSON value a record has at a field."""

    MISSING = 0
    """The record does not have the field."""
    NULL = 1
    FALSE = 2
    TRUE = 3
    NUMBER = 4
    STRING = 5
    ARRAY = 6
    OBJECT = 7

    @property
    def label(self) -> str:
        """As it is called in messages, such as ``a number``."""
        return _LABELS[self]

    @classmethod
    def of_json(cls, text: str) -> Kind:
        """By the first character of a value's text, which must be JSON; nothing is missing."""
        return _BY_FIRST.get(text[:1], cls.NUMBER)


_LABELS = ("missing", "null", "a boolean", "a boolean", "a number", "a string", "an array", "an object")
_BY_FIRST = {
    "": Kind.MISSING,
    "n": Kind.NULL,
    "f": Kind.FALSE,
    "t": Kind.TRUE,
    '"': Kind.STRING,
    "[": Kind.ARRAY,
    "{": Kind.OBJECT,
}
_KINDS = tuple(Kind)


@dataclass(frozen=True)
class Value:
    """One value: its kind, and its text byte for byte as the source wrote it."""

    kind: Kind
    json: str
    """Empty where it is missing."""

    @classmethod
    def of_json(cls, text: str) -> Value:
        """Reads its kind off its text, which must be one JSON value; nothing is a missing one."""
        return cls(Kind.of_json(text), text)

    @property
    def is_present(self) -> bool:
        """Neither missing nor null."""
        return self.kind > Kind.NULL

    def as_str(self) -> str | None:
        """The text of a string, unescaped; ``None`` for anything else."""
        return unescape(self.json) if self.kind is Kind.STRING else None

    def as_bool(self) -> bool | None:
        """``None`` for anything but a boolean."""
        return self.kind is Kind.TRUE if self.kind in (Kind.TRUE, Kind.FALSE) else None

    def as_int(self) -> int | None:
        """A number that is written as an integer; ``None`` for ``1.0`` and for anything else."""
        try:
            return int(self.json) if self.kind is Kind.NUMBER else None
        except ValueError:
            return None

    def as_decimal(self) -> Decimal | None:
        """Any number, exactly; ``None`` for anything else, and for an exponent beyond ``Decimal``."""
        return _decimal(self.json) if self.kind is Kind.NUMBER else None


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
"""Stands in ``Column.of`` for a record without the field."""


class Column:
    """One value a record. It is read from a :class:`Batch`, or made with :meth:`of`.

    Args:
        kinds: one byte a record, see :class:`Kind`.
        offsets: one more than records; value i is ``text[offsets[i]:offsets[i + 1]]``, in bytes.
        text: JSON text of all values, one after another.
    """

    __slots__ = ("kinds", "offsets", "text")

    def __init__(self, kinds: bytes, offsets: Sequence[int], text: bytes) -> None:
        self.kinds = kinds
        self.offsets = offsets
        self.text = text

    @classmethod
    def of(cls, values: Iterable[Any]) -> Column:
        """A column of these values.

        ``None`` is null, :data:`MISSING` leaves the field out, ``JsonText`` and :class:`Value` are
        taken as they are written, and anything else is written as :func:`dpone_sdk.dumps` does.
        """
        kinds = bytearray()
        texts: list[str] = []
        for value in values:
            if type(value) is str:
                # By far the most frequent, and so without a detour.
                kinds.append(Kind.STRING)
                texts.append(encode_string(value))
                continue
            if value is MISSING:
                text = ""
            elif isinstance(value, Value):
                text = value.json
            elif isinstance(value, JsonText):
                # A line break between two tokens would cut a record of NDJSON in two.
                text = value.text.strip().replace("\n", " ").replace("\r", " ")
            else:
                text = dumps(value)
            kinds.append(Kind.of_json(text))
            texts.append(text)
        return cls._joined(bytes(kinds), texts)

    @classmethod
    def _joined(cls, kinds: bytes, texts: list[str]) -> Column:
        joined = "".join(texts)
        if joined.isascii():
            return cls(kinds, list(accumulate(map(len, texts), initial=0)), joined.encode())
        encoded = [text.encode() for text in texts]
        return cls(kinds, list(accumulate(map(len, encoded), initial=0)), b"".join(encoded))

    def __len__(self) -> int:
        return len(self.kinds)

    def __getitem__(self, index: int) -> Value:
        """Value ``index``, from 0; negative ones count from the end.

        Raises:
            IndexError: there is no such record.
        """
        kind = self.kinds[index]
        index %= len(self.kinds)
        text = self.text[self.offsets[index] : self.offsets[index + 1]].decode()
        return Value(_KINDS[kind], text)

    def __iter__(self) -> Iterator[Value]:
        for kind, text in zip(self.kinds, self.texts()):
            yield Value(_KINDS[kind], text)

    def texts(self) -> list[str]:
        """The JSON text of each value, empty where it is missing."""
        bounds = zip(self.offsets, self.offsets[1:])
        if self.text.isascii():
            # Characters are bytes: so one decoding serves all values.
            whole = self.text.decode("ascii")
            return [whole[start:end] for start, end in bounds]
        return [self.text[start:end].decode() for start, end in bounds]

    def strings(self) -> list[str | None]:
        """The strings, unescaped; ``None`` for each value that is no string.

        One parse for the whole column: several times quicker than :meth:`Value.as_str` for each.
        """
        is_string = Kind.STRING
        texts = [text if kind == is_string else "null" for kind, text in zip(self.kinds, self.texts())]
        if any("\\u" in text for text in texts):
            return [None if text == "null" else unescape(text) for text in texts]
        found: list[str | None] = json.loads(f"[{','.join(texts)}]")
        return found

    def decimals(self) -> list[Decimal | None]:
        """The numbers, exactly; ``None`` for each value that is no number."""
        is_number = Kind.NUMBER
        return [_decimal(text) if kind == is_number else None for kind, text in zip(self.kinds, self.texts())]

    def count(self, *kinds: Kind) -> int:
        """How many values are of one of these kinds; no value is looked at."""
        return sum(self.kinds.count(bytes((kind,))) for kind in set(kinds))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Column):
            return NotImplemented
        return self.kinds == other.kinds and self.text == other.text and list(self.offsets) == list(other.offsets)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join(text or "missing" for text in self.texts()[:5])
        return f"Column({shown}{', …' if len(self) > 5 else ''})"
