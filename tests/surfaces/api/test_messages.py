"""Anthropic's paths on the data plane: what goes on to the provider, counting, the list of models, and refusals in Anthropic's shape."""

import asyncio
from typing import Any

import msgspec
import pytest
from tests.support.loops import until
from tests.support.snapshots import snapshot
from tests.surfaces.api.plane import Plane, play

from orchvynt.language.snapshot import Key

ASK: dict[str, Any] = {"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
VERSION = "2023-06-01"
MESSAGE = (
    b'{"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet", "stop_reason": "end_turn", "vendor": 1.50,'
    b' "content": [{"type": "text", "text": "hi"}], "usage": {"input_tokens": 3, "output_tokens": 2}}'
)


def test_the_callers_version_and_betas_go_to_the_provider_and_nothing_else_does() -> None:
    async def scenario(plane: Plane) -> None:
        fields = {"x_api_key": "callers", "cookie": "c=1", "x_orchvynt_run": "r", "anthropic_version": "2026-10-21"}
        asked = asyncio.create_task(plane.ask("/v1/messages?beta=true", ASK, anthropic_beta="a,b", **fields))
        await until(lambda: len(plane.runtime.upstream.arrivals) == 1)
        sent = plane.runtime.last
        sent.answers(MESSAGE)
        assert (await asked).body == MESSAGE
        assert (sent.path, sent.headers["anthropic-version"], sent.headers["anthropic-beta"]) == ("/v1/messages", "2026-10-21", "a,b")
        assert "callers" not in sent.headers.values()
        assert not any(name.startswith("x-orchvynt") or name == "cookie" for name in sent.headers)
        assert sent.body == {**ASK, "model": sent.body["model"]}

    play(snapshot(), scenario, obliging=False)


@pytest.mark.parametrize("value", ["b" * 2_049, "é"])
def test_a_header_that_cannot_be_forwarded_is_refused(value: str) -> None:
    async def scenario(plane: Plane) -> None:
        heard = await plane.ask("/v1/messages", ASK, anthropic_beta=value)
        assert (heard.status, heard.error["param"]) == (400, "anthropic-beta")
        assert plane.runtime.upstream.arrivals == []

    play(snapshot(), scenario)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "kind"),
    [
        ("GET", "/v1/messages", None, 405, "invalid_request_error"),
        ("GET", "/v1/messages/count_tokens", None, 405, "invalid_request_error"),
        ("PUT", "/v1/messages/count_tokens", ASK, 405, "invalid_request_error"),
        ("POST", "/v1/messages/batches", ASK, 404, "not_found_error"),
        ("POST", "/v1/messages", b"{", 400, "invalid_request_error"),
        ("POST", "/v1/messages", {**ASK, "model": "nobody"}, 404, "not_found_error"),
        ("POST", "/v1/messages/count_tokens", b"{", 400, "invalid_request_error"),
        ("POST", "/v1/messages/count_tokens", {**ASK, "model": "nobody"}, 404, "not_found_error"),
        ("POST", "/@docs/drafting/v1/messages", b"{", 400, "invalid_request_error"),
    ],
)
def test_refusals_have_anthropics_shape(method: str, path: str, body: Any, status: int, kind: str) -> None:
    async def scenario(plane: Plane) -> None:
        heard = await plane.ask(path, body, method=method)
        assert (heard.status, heard.json["type"], heard.error["type"]) == (status, "error", kind)
        assert "request_id" in heard.json
        assert plane.runtime.upstream.arrivals == []

    play(snapshot(), scenario)


def test_models_are_listed_in_anthropics_shape_for_its_clients() -> None:
    async def scenario(plane: Plane) -> None:
        heard = (await plane.ask("/v1/models", anthropic_version=VERSION)).json
        assert [model["id"] for model in heard["data"]] == ["auto", "gpt", "claude", "small"]
        assert {model["type"] for model in heard["data"]} == {"model"}
        assert (heard["has_more"], heard["first_id"], heard["last_id"]) == (False, "auto", "small")

    play(snapshot(), scenario)


def test_counting_asks_nobody_and_is_marked() -> None:
    async def scenario(plane: Plane) -> None:
        asked = {name: value for name, value in ASK.items() if name != "max_tokens"}
        heard = await plane.ask("/v1/messages/count_tokens", asked)
        assert (heard.status, heard.headers["x-orchvynt-estimated"]) == (200, "true")
        assert 5 < heard.json["input_tokens"] < 30
        text = await plane.ask("/v1/messages/count_tokens", asked, content_type="text/plain")
        assert (text.status, text.error["code"]) == (415, "unsupported_media")
        assert plane.runtime.upstream.arrivals == []

    play(snapshot(), scenario)


def test_counting_is_for_who_may_ask() -> None:
    async def scenario(plane: Plane) -> None:
        none = await plane.ask("/v1/messages/count_tokens", ASK)
        assert (none.status, none.error["type"]) == (401, "authentication_error")
        mine = (await plane.issue("team")).removeprefix("Bearer ")
        refused = await plane.ask("/v1/messages/count_tokens", ASK, x_api_key=mine)
        assert (refused.status, refused.error["code"]) == (403, "forbidden")
        assert (await plane.ask("/v1/messages/count_tokens", {**ASK, "model": "gpt"}, x_api_key=mine)).status == 200

    keys = {"team": Key("team", "ana", allow_models=frozenset({"gpt"}))}
    play(msgspec.structs.replace(snapshot(), keys=keys), scenario)
