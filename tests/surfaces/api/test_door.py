"""Who is let in while there is too much to do: by the head alone, in the order of the priorities, and never at the cost of old work."""

import asyncio
import json

import msgspec
import pytest
from tests.support.loops import until
from tests.support.snapshots import snapshot
from tests.surfaces.api.plane import CHAT, Plane, play

from orchvynt.decisions.overload.bounds import MIB, Backlog
from orchvynt.decisions.overload.queue import BEAT_NS
from orchvynt.decisions.reviews.cases import Voter
from orchvynt.language.snapshot import Gate, Key, Snapshot

KEYS = {key.name: key for key in (Key("batch", priority="low"), Key("agents"), Key("people", priority="high"))}
ALL = 512 * MIB
ANTHROPIC = {"model": "gpt", "max_tokens": 10, "messages": CHAT["messages"]}
OLLAMA = {"model": "gpt", "messages": CHAT["messages"], "stream": False}


def keyed(gates: tuple[Gate, ...] = ()) -> Snapshot:
    return msgspec.structs.replace(snapshot(gates=gates), keys=KEYS)


def press(plane: Plane, unfiled: int) -> None:
    """So many bytes are not filed yet, which the next beat sees."""
    plane.runtime.backlog = Backlog(unfiled)
    plane.runtime.clock.advance(20 * BEAT_NS)
    plane.runtime.shedding.beat(plane.server)


def test_the_higher_priorities_are_let_in_longest() -> None:
    async def scenario(plane: Plane) -> None:
        secrets = {name: await plane.issue(name) for name in KEYS}
        found = {}
        for unfiled in (0, ALL // 4, ALL // 2, ALL):
            press(plane, unfiled)
            found[unfiled] = [(await plane.chat(authorization=secret)).status for secret in secrets.values()]
        assert list(found.values()) == [[200, 200, 200], [503, 200, 200], [503, 503, 200], [503, 503, 503]]
        refused = await plane.chat(authorization=secrets["batch"], x_request_id="mine")
        assert refused.error["code"] == "overloaded"
        assert refused.error["priority"] == "low"
        assert refused.error["reason"] == "filing"
        assert int(refused.headers["retry-after"]) >= 5
        assert refused.headers["x-should-retry"] == "true"
        assert refused.headers["x-request-id"] == "mine"
        press(plane, 0)
        assert (await plane.chat(authorization=secrets["batch"])).status == 200

    play(keyed(), scenario)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", CHAT),
        ("/@docs/drafting/v1/chat/completions", CHAT),
        ("/v1/messages", ANTHROPIC),
        ("/v1/messages/count_tokens", ANTHROPIC),
        ("/v1/route", {"messages": CHAT["messages"]}),
        ("/api/chat", OLLAMA),
        ("/v1/chat/completions", b"{ this is never read as JSON"),
    ],
)
def test_each_dialect_hears_it_before_its_body_is_read(path: str, body: object) -> None:
    async def scenario(plane: Plane) -> None:
        press(plane, ALL)
        heard = await plane.ask(path, body)
        assert (heard.status, heard.headers["x-should-retry"]) == (503, "true")
        assert "retry-after" in heard.headers
        error = json.loads(heard.body)["error"]
        if path == "/api/chat":
            assert "recorded" in error
        elif path.startswith("/v1/messages"):
            assert (heard.json["type"], error["type"]) == ("error", "overloaded_error")
        else:
            assert error["code"] == "overloaded"
        assert plane.runtime.journal.frames == [], "what is turned away is no invocation"
        assert plane.runtime.upstream.arrivals == []

    play(snapshot(), scenario)


def test_everything_that_makes_no_new_work_is_answered() -> None:
    async def scenario(plane: Plane) -> None:
        agents = await plane.issue("agents")
        whole = await plane.chat(authorization=agents)
        press(plane, ALL)
        inv = whole.headers["x-orchvynt-invocation"]
        assert (await plane.ask("/health/live")).status == 200
        assert (await plane.ask("/health/ready")).status == 200
        assert (await plane.ask("/v1/models", authorization=agents)).status == 200
        assert (await plane.ask(f"/v1/invocations/{inv}", authorization=agents)).status == 200
        assert (await plane.ask(f"/v1/invocations/{inv}/feedback", {"score": 1}, authorization=agents)).status == 200
        assert (await plane.ask("/v1/nothing", CHAT, authorization=agents)).status == 404
        assert (await plane.chat(authorization="Bearer guess")).status == 401, "a stranger learns nothing else"

    play(keyed(), scenario)


def test_a_process_whose_journal_has_no_room_is_not_ready() -> None:
    async def scenario(plane: Plane) -> None:
        press(plane, 0)
        for backlog, status in ((Backlog(free_bytes=MIB, disk_bytes=100_000 * MIB), 503), (Backlog(), 200)):
            plane.runtime.backlog = backlog
            plane.runtime.clock.advance(20 * BEAT_NS)
            plane.runtime.shedding.beat(plane.server)
            assert (await plane.chat()).status == status
            ready = await plane.ask("/health/ready")
            assert (ready.status, ready.json["status"]) == (status, "ready" if status == 200 else "store_unavailable")

    play(snapshot(), scenario)


def test_an_answer_that_was_kept_is_told_again() -> None:
    async def scenario(plane: Plane) -> None:
        first = await plane.chat(idempotency_key="k1")
        assert first.status == 200
        press(plane, ALL)
        again = await plane.chat(idempotency_key="k1")
        assert (again.status, again.body) == (200, first.body)
        assert (await plane.chat(idempotency_key="k2")).status == 503
        press(plane, 0)
        assert (await plane.chat(idempotency_key="k2")).status == 200, "nothing stood under the key"

    play(snapshot(), scenario)


def test_who_comes_back_for_what_is_parked_joins_it_and_may_begin_nothing_else() -> None:
    async def scenario(plane: Plane) -> None:
        agents, batch = await plane.issue("agents"), await plane.issue("batch")
        asked = asyncio.create_task(plane.chat(authorization=agents))
        await until(lambda: plane.runtime.parked.open_count == 1)
        plane.runtime.later(1)
        pending = await asked
        assert pending.error["code"] == "hitl_pending"
        press(plane, ALL)
        assert (await plane.chat(authorization=batch)).error["code"] == "overloaded"
        other = await plane.ask("/v1/chat/completions", {**CHAT, "temperature": 0}, authorization=agents)
        assert (other.status, other.error["code"]) == (503, "overloaded")
        one = plane.runtime.parked.invocation(pending.headers["x-orchvynt-invocation"])
        assert one is not None
        assert await plane.runtime.voting.vote(one.review, "approve", Voter("token:ana"), "") is None
        joined = await plane.chat(authorization=agents)
        assert joined.status == 200
        assert len(plane.runtime.upstream.arrivals) == 1

    play(keyed((Gate("g", "output", None, "people", False, 0),)), scenario)
