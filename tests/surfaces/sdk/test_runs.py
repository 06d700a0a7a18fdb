"""Names on requests: header rules, nesting, and concurrency over asyncio tasks and threads with the official client."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.surfaces.sdk.gateway import CHAT, gateway

import orchvynt


def test_headers_without_a_run() -> None:
    assert orchvynt.headers() == {}
    assert orchvynt.headers(
        workflow="doc", agent="a", run="r", parent="inv_1", session="s", workload="w", user="u", flags=["x", "y"], context={"a": [1]},
        min_quality=0.85,
    ) == {
        "x-orchvynt-workflow": "doc",
        "x-orchvynt-agent": "a",
        "x-orchvynt-run": "r",
        "x-orchvynt-parent": "inv_1",
        "x-orchvynt-session": "s",
        "x-orchvynt-workload": "w",
        "x-orchvynt-user": "u",
        "x-orchvynt-flags": "x,y",
        "x-orchvynt-context": '{"a":[1]}',
        "x-orchvynt-min-quality": "0.85",
    }  # fmt: skip


@pytest.mark.parametrize(
    "bad",
    [{"workflow": "a\r\nb"}, {"agent": "é"}, {"run": " r"}, {"user": "x" * 257}, {"flags": ["a,b"]}, {"flags": [""]}, {"min_quality": 1.1}],
)
def test_what_no_header_can_carry_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad)).rstrip("s")):
        orchvynt.headers(**bad)
    with pytest.raises(TypeError):
        orchvynt.headers(flags="one")


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=5))
def test_any_context_becomes_printable_ascii_and_comes_back(context: dict[str, str]) -> None:
    fields = orchvynt.headers(context=context)
    if not context:
        assert fields == {}
        return
    value = fields["x-orchvynt-context"]
    assert value.isascii()
    assert value.isprintable()
    assert json.loads(value) == context


def test_a_run_is_picked_up_nested_and_left() -> None:
    assert orchvynt.current_run() is None
    with orchvynt.run("outer", agent="boss") as outer:
        assert orchvynt.headers() == {"x-orchvynt-workflow": "outer", "x-orchvynt-run": outer.id, "x-orchvynt-agent": "boss"}
        with orchvynt.run("inner") as inner:
            assert orchvynt.headers(agent="x")["x-orchvynt-run"] == inner.id != outer.id
        assert orchvynt.current_run() is outer
        assert orchvynt.headers(run="mine", workflow="w")["x-orchvynt-run"] == "mine"
    assert orchvynt.current_run() is None
    with pytest.raises(RuntimeError), orchvynt.run("failing"):
        raise RuntimeError
    assert orchvynt.current_run() is None


def asked(client: openai.OpenAI) -> None:
    client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}])


def test_a_bound_client_carries_its_run_into_threads() -> None:
    mine = {"x-mine": "1"}
    with gateway((200, {}, CHAT)) as server, openai.OpenAI(base_url=f"{server.url}/v1", api_key="k", default_headers=mine) as client:
        with orchvynt.run("doc") as run:
            bound = run.client(client, agent="drafting")
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: asked(bound), range(4)))
        asked(client)
    *inside, outside = server.arrivals
    assert {arrival.headers["x-orchvynt-run"] for arrival in inside} == {run.id}
    assert {arrival.headers["x-orchvynt-agent"] for arrival in inside} == {"drafting"}
    assert {arrival.headers["x-mine"] for arrival in server.arrivals} == {"1"}
    assert "x-orchvynt-run" not in outside.headers


def test_an_attached_async_client_is_right_under_concurrent_tasks() -> None:
    async def agents() -> dict[str, str]:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="k") as client:
            assert orchvynt.attach(orchvynt.attach(client)) is client
            completions = client.chat.completions  # kept from before any run: the run is looked up at each request

            async def agent(number: int) -> tuple[str, str]:
                with orchvynt.run(f"wf-{number}") as run:
                    for _ in range(3):
                        await asyncio.sleep(0)
                        await completions.create(model="gpt-4o", messages=[{"role": "user", "content": f"wf-{number}"}])
                return f"wf-{number}", run.id

            return dict(await asyncio.gather(*(agent(number) for number in range(8))))

    with gateway((200, {}, CHAT)) as server:
        runs = asyncio.run(agents())
    assert len(server.arrivals) == 24
    for arrival in server.arrivals:
        workflow = arrival.body["messages"][0]["content"]
        assert (arrival.headers["x-orchvynt-workflow"], arrival.headers["x-orchvynt-run"]) == (workflow, runs[workflow])


def test_an_attached_sync_client_is_right_under_threads() -> None:
    with gateway((200, {}, CHAT)) as server, openai.OpenAI(base_url=f"{server.url}/v1", api_key="k") as client:
        orchvynt.attach(client)
        gate = threading.Barrier(4)

        def agent(number: int) -> str:
            with orchvynt.run(f"wf-{number}") as run:
                gate.wait(5)
                asked(client)
                return run.id

        with ThreadPoolExecutor(4) as pool:
            runs = list(pool.map(agent, range(4)))
        client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "x"}], extra_headers={"x-orchvynt-run": "explicit"}
        )
    seen = {arrival.headers["x-orchvynt-workflow"]: arrival.headers["x-orchvynt-run"] for arrival in server.arrivals[:4]}
    assert seen == {f"wf-{number}": run for number, run in enumerate(runs)}
    assert server.arrivals[4].headers["x-orchvynt-run"] == "explicit"


def test_other_clients_are_told_what_to_do() -> None:
    with pytest.raises(TypeError, match=r"orchvynt\.headers"):
        orchvynt.attach(object())
    with orchvynt.run("doc") as run, pytest.raises(TypeError, match=r"run\.headers"):
        run.client(object())
