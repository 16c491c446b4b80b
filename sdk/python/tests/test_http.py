"""Requests of a plugin's own, as far as they go without a host."""

import pytest

from dpone_sdk import PluginError, Secret, _host, http


def test_natively_there_is_nobody_to_send_it() -> None:
    with pytest.raises(PluginError) as refused:
        http.get("https://geo.example.com")
    assert refused.value.code == "http"


def test_a_request_reaches_the_host_as_it_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []

    def host(*request: object) -> http.Response:
        sent.append(request)
        return http.Response(200, [("Content-Type", "application/json")], b'{"n": 12345678901234567890.5}')

    monkeypatch.setattr(_host, "http", host)
    answer = http.send("POST", "https://geo.example.com/v1", {"X-Key": Secret("geo_key"), "X-Page": 3}, "{}")
    assert sent == [("POST", "https://geo.example.com/v1", [("X-Key", Secret("geo_key")), ("X-Page", "3")], b"{}")]
    assert answer.header("content-type") == "application/json"
    assert str(answer.json()["n"]) == "12345678901234567890.5"


def test_a_header_that_cannot_be_sent_is_named() -> None:
    with pytest.raises(TypeError, match="X-List"):
        http.get("https://geo.example.com", {"X-List": [1]})
