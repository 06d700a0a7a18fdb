"""A LangGraph agent that waits for people: its process dies, people decide, and another process of it goes on with the answer.

The agent's processes, its checkpointer, the sockets and, but for the hour, the server are real. The hour is virtual: there the server
runs in this process, on a clock that is moved.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
from tests.e2e.conftest import Serve
from tests.e2e.test_review import decide, open_review
from tests.support.policies import gate, three_tiers
from tests.support.snapshots import SECOND, snapshot
from tests.surfaces.api.plane import Plane, play

from orchvynt.decisions.reviews.cases import Voter
from orchvynt.language.expressions.compiling import Compiled, compile_expression
from orchvynt.language.snapshot import Gate
from orchvynt.testing.scripted import ScriptedProvider

HOUR = 3_600 * SECOND


def command(url: str, folder: Path, how: str) -> list[str]:
    return [sys.executable, "-m", "tests.support.graph_agent", url, str(folder / "graph.db"), "thread-1", how]


def agent(url: str, folder: Path, how: str = "run") -> Any:
    """One process of the agent, from its start to its end; what it says."""
    done = subprocess.run(command(url, folder, how), capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_interrupted_thread_goes_on_in_another_process(serve: Serve, scripted_provider: ScriptedProvider, tmp_path: Path) -> None:
    scripted_provider.script({"answers": [{"text": "pay it"}]})
    server = serve(three_tiers(scripted_provider, gate("0s")))
    first = agent(server.url, tmp_path)
    (waits,) = first["waits"]
    assert (waits["kind"], waits["gate"]) == ("orchvynt.review", "reviewed")
    assert "answer" not in first["state"]
    server.kill()
    server.start()
    assert agent(server.url, tmp_path)["waits"] == [waits], "run again too early it waits for the same review"
    assert decide(server, waits["review_id"]).status == 200
    last = agent(server.url, tmp_path, "resume")
    assert last == {"state": {"question": "pay", "answer": "pay it", "filed": 1}, "waits": []}
    assert scripted_provider.ledger().totals.arrivals == 1
    told = server.explain(waits["invocation_id"])
    assert (told["run"], told["workflow"], told["agent"]) == ("thread-1", "payments", "clerk")


def test_a_process_that_dies_while_it_is_held_joins_when_it_is_run_again(
    serve: Serve, scripted_provider: ScriptedProvider, tmp_path: Path
) -> None:
    scripted_provider.script({"answers": [{"text": "pay it"}]})
    server = serve(three_tiers(scripted_provider, gate("60s")))
    held = subprocess.Popen(command(server.url, tmp_path, "run"), stdout=subprocess.DEVNULL)
    review = open_review(server)["review"]
    held.send_signal(signal.SIGKILL)
    held.wait()
    until_left(server, review)
    assert decide(server, review).status == 200
    assert agent(server.url, tmp_path, "async")["state"]["answer"] == "pay it"
    assert scripted_provider.ledger().totals.arrivals == 1


def until_left(server: Any, review: str) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if any("caller is gone" in entry["text"] for entry in server.explain(review)["timeline"]):
            return
        time.sleep(0.05)
    raise AssertionError("the server did not notice that its caller was killed")


def test_a_rejection_is_told_to_the_node(serve: Serve, scripted_provider: ScriptedProvider, tmp_path: Path) -> None:
    server = serve(three_tiers(scripted_provider, gate("0s")))
    (waits,) = agent(server.url, tmp_path, "async")["waits"]
    assert decide(server, waits["review_id"], "reject", "no").status == 200
    assert agent(server.url, tmp_path, "resume")["refused"] == "review_rejected"
    assert scripted_provider.ledger().totals.arrivals == 1


def test_people_decide_an_hour_later(tmp_path: Path) -> None:
    compiled = compile_expression('"review" in flags', "request")
    assert isinstance(compiled, Compiled)
    policy = snapshot(gates=(Gate("reviewed", "output", compiled.expression, "people", False, 0),))
    policy = msgspec.structs.replace(policy, aliases={**policy.aliases, "gpt-4o": "gpt"})

    async def process(plane: Plane, how: str) -> Any:
        running = await asyncio.create_subprocess_exec(
            *command(f"http://127.0.0.1:{plane.port}", tmp_path, how), stdout=subprocess.PIPE, env={**os.environ}
        )
        working = asyncio.ensure_future(running.communicate())
        while not working.done():
            # Nobody else looks at what is due.
            plane.runtime.later(0)
            await asyncio.sleep(0.02)
        return json.loads((await working)[0])

    async def scenario(plane: Plane) -> None:
        (waits,) = (await process(plane, "run"))["waits"]
        runtime = plane.runtime
        runtime.later(HOUR)
        row = await runtime.store.review(waits["review_id"])
        assert row is not None
        assert await runtime.reviewing.vote(row.review, "approve", Voter("token:ana"), "", row) is None
        last = await process(plane, "run")
        assert last["waits"] == []
        assert (last["state"]["answer"], last["state"]["filed"]) == ("hi", 1)
        assert len(runtime.upstream.arrivals) == 1

    play(policy, scenario)
