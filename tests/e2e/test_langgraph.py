"""A LangGraph agent that waits for people: its process dies, people decide, and another process of it goes on with the answer.

The agent's processes, its checkpointer, the sockets and, but for the hour, the server are real. The hour is virtual: there the server
runs in this process, on a clock that is moved.
"""

import asyncio
import time
from pathlib import Path
from typing import Any

import msgspec
from tests.e2e.conftest import Serve
from tests.e2e.test_review import decide, open_review
from tests.support.graph_agent import Agents
from tests.support.policies import gate, three_tiers
from tests.support.snapshots import SECOND, snapshot
from tests.surfaces.api.plane import Plane, play

from orchvynt.decisions.reviews.cases import Voter
from orchvynt.language.expressions.compiling import Compiled, compile_expression
from orchvynt.language.snapshot import Gate
from orchvynt.testing.scripted import ScriptedProvider

HOUR = 3_600 * SECOND


def test_an_interrupted_thread_goes_on_in_another_process(serve: Serve, scripted_provider: ScriptedProvider, tmp_path: Path) -> None:
    scripted_provider.script({"answers": [{"text": "pay it"}]})
    server, agents = serve(three_tiers(scripted_provider, gate("0s"))), Agents(tmp_path)
    first = agents.start(server.url).told()
    (waits,) = first["waits"]
    assert (waits["kind"], waits["gate"]) == ("orchvynt.review", "reviewed")
    assert first["state"] == {"question": "pay"}
    server.kill()
    server.start()
    assert agents.start(server.url).told()["waits"] == [waits], "run again too early it waits for the same review"
    assert decide(server, waits["review_id"]).status == 200
    last = agents.start(server.url, "resume").told()
    assert last == {"state": {"question": "pay", "answer": "pay it", "filed": 1}, "waits": []}
    assert scripted_provider.ledger().totals.arrivals == 1
    told = server.explain(waits["invocation_id"])
    assert (told["run"], told["workflow"], told["agent"]) == ("thread-1", "payments", "clerk")


def test_a_process_that_dies_while_it_is_held_joins_when_it_is_run_again(
    serve: Serve, scripted_provider: ScriptedProvider, tmp_path: Path
) -> None:
    scripted_provider.script({"answers": [{"text": "pay it"}]})
    server, agents = serve(three_tiers(scripted_provider, gate("60s"))), Agents(tmp_path)
    held = agents.start(server.url)
    review = open_review(server)["review"]
    held.kill()
    until_left(server, review)
    assert decide(server, review).status == 200
    assert agents.start(server.url, "async").told()["state"]["answer"] == "pay it"
    assert scripted_provider.ledger().totals.arrivals == 1


def until_left(server: Any, review: str) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if any("caller is gone" in entry["text"] for entry in server.explain(review)["timeline"]):
            return
        time.sleep(0.05)
    raise AssertionError("the server did not notice that its caller was killed")


def test_people_decide_an_hour_later(tmp_path: Path) -> None:
    compiled = compile_expression('"review" in flags', "request")
    assert isinstance(compiled, Compiled)
    policy = snapshot(gates=(Gate("reviewed", "output", compiled.expression, "people", False, 0),))
    policy = msgspec.structs.replace(policy, aliases={**policy.aliases, "gpt-4o": "gpt"})

    agents = Agents(tmp_path)

    async def process(plane: Plane) -> Any:
        running = agents.start(f"http://127.0.0.1:{plane.port}")
        working = asyncio.ensure_future(asyncio.to_thread(running.told))
        while not working.done():
            # Nobody else looks at what is due.
            plane.runtime.later(0)
            await asyncio.sleep(0.02)
        return await working

    async def scenario(plane: Plane) -> None:
        (waits,) = (await process(plane))["waits"]
        runtime = plane.runtime
        runtime.later(HOUR)
        row = await runtime.store.review(waits["review_id"])
        assert row is not None
        assert await runtime.voting.vote(row.review, "approve", Voter("token:ana"), "") is None
        last = await process(plane)
        assert last["waits"] == []
        assert (last["state"]["answer"], last["state"]["filed"]) == ("hi", 1)
        assert len(runtime.upstream.arrivals) == 1

    play(policy, scenario)
