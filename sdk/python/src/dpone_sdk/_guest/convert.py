"""From the SDK's types to those of the bindings that several worlds share."""

from __future__ import annotations

from collections.abc import Sequence

from wit_world.imports import types

from ..batch import Needs
from ..request import Request, Secret, json_pairs, text_pairs


def request(given: Request) -> types.Request:
    return types.Request(
        given.url,
        fields(text_pairs("query", given.query)),
        fields(json_pairs("body", given.body)),
        fields(text_pairs("headers", given.headers)),
        given.method,
        given.path,
        given.may_be_past_end,
    )


def optional_request(given: Request | None) -> types.Request | None:
    return None if given is None else request(given)


def needs(given: Needs) -> types.Needs:
    return types.Needs(list(given.fields), given.bytes)


def fields(pairs: Sequence[tuple[str, str | Secret]]) -> list[types.Field]:
    return [types.Field(name, _value(value)) for name, value in pairs]


def _value(value: str | Secret) -> types.Value:
    return types.Value_Secret(value.name) if isinstance(value, Secret) else types.Value_Text(value)
