"""The data plane's paths over real sockets: what each takes and gives, to whom, and what it says where it refuses."""

import asyncio

import msgspec
import pytest
from tests.support.answers import DONE, WHOLE
from tests.support.loops import until
from tests.support.snapshots import SECOND, snapshot
from tests.surfaces.api.plane import CHAT, Plane, play
from tests.surfaces.http.serving import Peer, send_all

from orchvynt.decisions.reviews.cases import Voter
from orchvynt.language.snapshot import Budget, Gate, Limits

PENDING = Gate("g", "output", None, "people", False, 0)


def test_a_chat_is_answered_with_the_providers_bytes() -> None:
    async def scenario(plane: Plane) -> None:
        heard = await plane.chat(x_request_id="req-1", authorization="Bearer k")
        assert (heard.status, heard.body) == (200, WHOLE)
        assert heard.headers["x-orchvynt-model"] == "gpt"
        assert heard.headers["x-request-id"] == "req-1"
        assert "authorization" not in plane.runtime.last.headers, "the caller's credential is ours to read, and nobody else's"

    play(snapshot(), scenario)


def test_a_stream_is_streamed() -> None:
    async def scenario(plane: Plane) -> None:
        heard = await plane.ask("/v1/chat/completions", {**CHAT, "stream": True})
        assert heard.headers["transfer-encoding"] == "chunked"
        assert heard.headers["content-type"].startswith("text/event-stream")
        assert heard.body.endswith(DONE)

    play(snapshot(), scenario)


def test_the_path_may_say_who_calls() -> None:
    async def scenario(plane: Plane) -> None:
        heard = await plane.ask("/@docs/drafting/v1/chat/completions", CHAT)
        assert heard.status == 200
        record = (await plane.ask(f"/v1/invocations/{heard.headers['x-orchvynt-invocation']}")).body
        assert b'"docs"' in record
        assert b'"drafting"' in record

    play(snapshot(), scenario)


def test_what_a_caller_says_to_us_in_its_metadata_goes_to_no_provider() -> None:
    async def scenario(plane: Plane) -> None:
        metadata = {"orchvynt_workflow": "docs", "orchvynt_context": {"customer": "canary"}, "theirs": "kept"}
        heard = await plane.ask("/v1/chat/completions", {**CHAT, "metadata": metadata}, x_orchvynt_run="r1")
        assert heard.status == 200
        assert plane.runtime.last.body["metadata"] == {"theirs": "kept"}
        assert not any(name.startswith("x-orchvynt") for name in plane.runtime.last.headers)

    play(snapshot(), scenario)


def test_route_takes_and_gives_its_own_shape() -> None:
    async def scenario(plane: Plane) -> None:
        heard = await plane.ask("/v1/route", {"workload": "synthesis", "messages": CHAT["messages"]})
        assert heard.status == 200
        assert heard.json["content"] == "hi"
        assert heard.json["invocation_id"] == heard.headers["x-orchvynt-invocation"]

    play(snapshot(), scenario)


def test_models_are_the_policys_names() -> None:
    async def scenario(plane: Plane) -> None:
        heard = await plane.ask("/v1/models")
        assert [model["id"] for model in heard.json["data"]] == ["auto", "gpt", "claude", "small"]
        assert {model["object"] for model in heard.json["data"]} == {"model"}

    play(snapshot(), scenario)


def test_health_says_when_it_is_stopping_and_nothing_new_is_taken() -> None:
    async def scenario(plane: Plane) -> None:
        assert (await plane.ask("/health/live")).json == {"status": "live"}
        ready = await plane.ask("/health/ready")
        assert (ready.status, ready.json["status"], ready.json["policy"]) == (200, "ready", 1)
        plane.data_plane.ready = False
        assert (await plane.ask("/health/live")).status == 200
        stopping = await plane.ask("/health/ready")
        assert (stopping.status, stopping.json["status"]) == (503, "draining")
        assert (await plane.chat()).status == 200
        arrived = len(plane.runtime.upstream.arrivals)
        plane.data_plane.draining = True
        refused = await plane.chat()
        assert (refused.status, refused.error["code"], refused.headers["retry-after"]) == (503, "overloaded", "1")
        assert len(plane.runtime.upstream.arrivals) == arrived == 1

    play(snapshot(), scenario)


@pytest.mark.parametrize(
    ("path", "status"), [("/health/live", 200), ("/health/ready", 200), ("/v1/models", 200), ("/v1/messages", 405), ("/else", 404)]
)
def test_head_is_get_without_the_body(path: str, status: int) -> None:
    """Health checks ask with it (`wget --spider`)."""

    async def scenario(plane: Plane) -> None:
        statuses, out = await send_all(plane.port, f"HEAD {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        assert statuses == [status]
        assert out.endswith(b"\r\n\r\n")
        assert b"\r\ncontent-length: 0\r\n" not in out

    play(snapshot(), scenario)


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/v1/chat/completions", 405, "POST"),
        ("PUT", "/v1/route", 405, "POST"),
        ("DELETE", "/v1/models", 405, "GET, HEAD"),
        ("DELETE", "/v1/invocations/inv_1", 405, "GET, HEAD"),
        ("PATCH", "/health/live", 405, "GET, HEAD"),
        ("GET", "/", 404, None),
        ("GET", "/v1", 404, None),
        ("POST", "/v1/responses", 404, None),
        ("GET", "/v1/chat/completions/", 404, None),
        ("GET", "/v1/invocations/inv_1/else", 404, None),
        ("GET", "/@docs", 404, None),
    ],
)
def test_what_is_not_there_says_what_is(method: str, path: str, status: int, allow: str | None) -> None:
    async def scenario(plane: Plane) -> None:
        heard = await plane.ask(path, CHAT if method in ("POST", "PUT", "PATCH") else None, method=method, x_request_id="req-1")
        assert (heard.status, heard.headers.get("allow"), heard.headers["x-request-id"]) == (status, allow, "req-1")
        assert heard.error["code"] == ("method_not_allowed" if allow else "not_found")
        assert heard.error["help"]
        assert plane.runtime.upstream.arrivals == []

    play(snapshot(), scenario)


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/api/chat", 405, "POST"),
        ("GET", "/api/show", 405, "POST"),
        ("DELETE", "/api/tags", 405, "GET, HEAD"),
        ("PUT", "/api/show", 405, "POST"),
        ("POST", "/api/embed", 404, None),
        ("GET", "/@docs/drafting/api/ps", 404, None),
        ("GET", "/api/v1/policies", 404, None),
    ],
)
def test_below_api_errors_are_ollamas(method: str, path: str, status: int, allow: str | None) -> None:
    async def scenario(plane: Plane) -> None:
        heard = await plane.ask(path, CHAT if method in ("POST", "PUT") else None, method=method)
        assert (heard.status, heard.headers.get("allow")) == (status, allow)
        assert isinstance(heard.json["error"], str)
        assert heard.json["code"] == ("method_not_allowed" if allow else "not_found")

    play(snapshot(), scenario)


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"{", {}, 400, "invalid_request"),
        (b"null", {}, 400, "invalid_request"),
        ({"model": "gpt"}, {}, 400, "invalid_request"),
        ({**CHAT, "model": "nobody"}, {}, 404, "model_not_found"),
        (CHAT, {"content_type": "text/plain"}, 415, "unsupported_media"),
        (CHAT, {"x_orchvynt_context": "[]"}, 400, "invalid_request"),
    ],
)
def test_a_bad_request_reaches_no_provider(body: object, headers: dict[str, str], status: int, code: str) -> None:
    async def scenario(plane: Plane) -> None:
        heard = await plane.ask("/v1/chat/completions", body, **headers)
        assert (heard.status, heard.error["code"]) == (status, code)
        assert plane.runtime.upstream.arrivals == []
        assert plane.runtime.ledger.holds == {}

    play(snapshot(), scenario)


@pytest.mark.parametrize(("path", "headers"), [("/v1/chat/completions", {"x_stainless_retry_count": "²"})])
def test_an_odd_digit_is_no_defect(path: str, headers: dict[str, str]) -> None:
    async def scenario(plane: Plane) -> None:
        assert (await asyncio.wait_for(plane.ask(path, CHAT, **headers), 1)).status == 200

    play(snapshot(), scenario)


def test_a_record_is_shown_to_the_key_that_asked_and_to_nobody_else() -> None:
    async def scenario(plane: Plane) -> None:
        inv = (await plane.chat(authorization="Bearer mine")).headers["x-orchvynt-invocation"]
        mine = await plane.ask(f"/v1/invocations/{inv}", authorization="Bearer mine")
        assert (mine.status, mine.headers["x-orchvynt-invocation"]) == (200, inv)
        assert b"hello" not in mine.body, "the record has no bodies"
        for headers in ({"authorization": "Bearer other"}, {}, {"x_api_key": "other"}):
            theirs = await plane.ask(f"/v1/invocations/{inv}", **headers)
            assert (theirs.status, theirs.error["code"]) == (404, "not_found")
        unknown = await plane.ask("/v1/invocations/inv_none", authorization="Bearer mine")
        assert unknown.status == 404
        plane.runtime.store.away = True
        away = await plane.ask(f"/v1/invocations/{inv}", authorization="Bearer mine")
        assert (away.status, away.error["code"]) == (503, "store_unavailable")

    play(snapshot(), scenario)


def test_a_parked_answer_is_polled_joined_and_read_by_its_own_key() -> None:
    async def scenario(plane: Plane) -> None:
        runtime = plane.runtime
        asked = asyncio.create_task(plane.chat(authorization="Bearer mine"))
        await until(lambda: runtime.parked.open_count == 1)
        runtime.later(1)
        pending = await asked
        assert (pending.status, pending.error["code"]) == (409, "hitl_pending")
        poll = pending.error["poll"]
        assert (await plane.ask(poll, authorization="Bearer other")).status == 404
        assert (await plane.ask(poll, authorization="Bearer mine")).status == 409
        row = await runtime.store.review(pending.error["review_id"])
        assert row is not None
        waiting = asyncio.create_task(plane.ask(f"{poll}?wait=30s", authorization="Bearer mine"))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        assert await runtime.voting.vote(row.review, "approve", Voter("token:ana"), "") is None
        assert (await waiting).body == WHOLE
        joined = await plane.chat(authorization="Bearer mine")
        assert (joined.body, joined.headers["x-orchvynt-invocation"]) == (WHOLE, pending.error["invocation_id"])
        assert len(runtime.upstream.arrivals) == 1, "paid for once"
        other = asyncio.create_task(plane.chat(authorization="Bearer other"))
        await until(lambda: len(runtime.upstream.arrivals) == 2)
        await until(lambda: runtime.parked.open_count == 1)
        runtime.later(1)
        assert (await other).status == 409

    play(snapshot(gates=(PENDING,)), scenario)


@pytest.mark.parametrize("query", ["wait=soon", "wait=-1", "wait=1.5s", "wait=99999", "wait=", "a=b&wait=x"])
def test_a_wait_that_is_no_duration_is_refused(query: str) -> None:
    async def scenario(plane: Plane) -> None:
        asked = asyncio.create_task(plane.chat())
        await until(lambda: plane.runtime.parked.open_count == 1)
        plane.runtime.later(1)
        poll = (await asked).error["poll"]
        heard = await plane.ask(f"{poll}?{query}")
        assert (heard.status, heard.error["param"]) == (400, "wait")
        assert (await plane.ask(f"{poll}?other=1")).status == 409

    play(snapshot(gates=(PENDING,)), scenario)


def test_a_caller_that_goes_away_cancels_its_attempt_at_once() -> None:
    async def scenario(plane: Plane) -> None:
        peer = await Peer.to(plane.port)
        body = msgspec.json.encode(CHAT)
        peer.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        await until(lambda: len(plane.runtime.upstream.arrivals) == 1)
        peer.reset()
        await until(lambda: plane.runtime.last.call.cancelled)
        assert plane.runtime.carrier.lives == {}
        assert plane.runtime.ledger.holds == {}

    play(snapshot(budgets=(Budget("b", "global", None, "day", Limits(None, 10_000)),)), scenario, obliging=False)


def test_requests_on_one_connection_are_answered_in_order() -> None:
    async def scenario(plane: Plane) -> None:
        body = msgspec.json.encode(CHAT)
        chat = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        peer = await Peer.to(plane.port)
        peer.send(chat + b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n" + chat)
        heard = [await peer.response() for _ in range(3)]
        assert [status for status, _, _ in heard] == [200, 200, 200]
        assert [said == WHOLE for _, _, said in heard] == [True, False, True]
        await peer.close()

    play(snapshot(), scenario)


def test_the_deadline_of_an_invocation_reaches_the_caller() -> None:
    async def scenario(plane: Plane) -> None:
        asked = asyncio.create_task(plane.chat())
        await until(lambda: len(plane.runtime.upstream.arrivals) == 1)
        plane.runtime.later(60 * SECOND)
        await until(lambda: len(plane.runtime.upstream.arrivals) == 2)
        plane.runtime.later(240 * SECOND)
        heard = await asked
        assert (heard.status, heard.error["code"], heard.headers["x-should-retry"]) == (503, "all_providers_failed", "true")

    play(snapshot(max_retries=0), scenario, obliging=False)


def test_a_request_that_comes_again_under_its_idempotency_key_is_answered_the_same() -> None:
    async def scenario(plane: Plane) -> None:
        first = await plane.chat(idempotency_key="k-1", x_request_id="one")
        again = await plane.chat(idempotency_key="k-1", x_request_id="two")
        assert (first.status, again.status, again.body) == (200, 200, first.body)
        assert again.headers["x-orchvynt-invocation"] == first.headers["x-orchvynt-invocation"]
        assert [one.headers["x-request-id"] for one in (first, again)] == ["one", "two"]
        other = await plane.ask("/v1/chat/completions", {**CHAT, "n": 1}, idempotency_key="k-1", x_request_id="three")
        assert (other.status, other.error["code"], other.headers["x-request-id"]) == (422, "idempotency_mismatch", "three")
        assert plane.data_plane.refusals == {"idempotency_mismatch": 1}
        assert len(plane.runtime.upstream.arrivals) == 1

    play(snapshot(), scenario)
