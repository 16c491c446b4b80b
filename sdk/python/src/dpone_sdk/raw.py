"""The raw texts of what is directly inside of a JSON object or array, byte for byte."""

from __future__ import annotations

import re
from json import JSONDecoder

_skip = re.compile(r"[ \t\n\r]*").match
# Numbers are not read, only measured: so none is too long.
_decoder = JSONDecoder(parse_float=str, parse_int=str)


def members(text: str) -> dict[str, str] | None:
    """Name to raw text; ``None`` where the text is no object.

    Raises:
        ValueError: the text is not JSON.
    """
    at = _after_space(text, 0)
    if text[at : at + 1] != "{":
        return None
    found: dict[str, str] = {}
    at = _after_space(text, at + 1)
    if text[at : at + 1] == "}":
        return found
    while True:
        if text[at : at + 1] != '"':
            raise ValueError(f"a name was expected at character {at}")
        name, at = _decoder.raw_decode(text, at)
        at = _expect(text, at, ":")
        start = _after_space(text, at)
        _, end = _decoder.raw_decode(text, start)
        found[name] = text[start:end]
        at = _after_space(text, end)
        if text[at : at + 1] == "}":
            return found
        at = _after_space(text, _expect(text, at, ","))


def elements(text: str) -> list[str] | None:
    """Raw texts in order; ``None`` where the text is no array.

    Raises:
        ValueError: the text is not JSON.
    """
    at = _after_space(text, 0)
    if text[at : at + 1] != "[":
        return None
    found: list[str] = []
    at = _after_space(text, at + 1)
    if text[at : at + 1] == "]":
        return found
    while True:
        start = _after_space(text, at)
        _, end = _decoder.raw_decode(text, start)
        found.append(text[start:end])
        at = _after_space(text, end)
        if text[at : at + 1] == "]":
            return found
        at = _expect(text, at, ",")


def _after_space(text: str, at: int) -> int:
    match = _skip(text, at)
    return match.end() if match else at


def _expect(text: str, at: int, token: str) -> int:
    at = _after_space(text, at)
    if text[at : at + 1] != token:
        raise ValueError(f"`{token}` was expected at character {at}")
    return at + 1
