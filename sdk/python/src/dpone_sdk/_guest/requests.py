"""Requests of the plugin's own, where its kind may have any: a signer may not."""

from __future__ import annotations

from collections.abc import Sequence

from componentize_py_types import Err

from .. import _host
from ..errors import PluginError
from ..http import Response
from ..request import Secret

try:
    from wit_world.imports import http
except ImportError:
    http = None

if http is not None:
    from .convert import fields

    def _send(method: str, url: str, headers: Sequence[tuple[str, str | Secret]], body: bytes | None) -> Response:
        try:
            answer = http.send(http.Request(method, url, fields(headers), body))
        except Err as refusal:
            raise PluginError("http", str(refusal.value)) from None
        return Response(answer.status, [(header.name, header.value) for header in answer.headers], answer.body)

    _host.http = _send
