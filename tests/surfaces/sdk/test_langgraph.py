"""The LangGraph helper on real graphs, in one process: two nodes that wait at once, rejections, errors of other kinds, names of runs."""

import asyncio
import operator
from typing import Annotated, Any, TypedDict

import openai
import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from tests.surfaces.sdk.gateway import CHAT, Gateway, gateway
from tests.surfaces.sdk.test_calls import PARKED

import orchvynt
from orchvynt.langgraph import aresume, pending_reviews, resume, reviewed

ANSWERED: Any = (200, {}, CHAT)
WAITS: Any = (409, {"x-orchvynt-invocation": "inv_01"}, PARKED)
REJECTED: Any = (403, {}, {"error": {"code": "review_rejected", "message": "ana: no.", "invocation_id": "inv_01"}})


class Thread(TypedDict, total=False):
    said: Annotated[list[str], operator.add]


def config(thread: str = "t-1") -> Any:
    return {"configurable": {"thread_id": thread}}


def ask(server: Gateway, text: str) -> str:
    with orchvynt.attach(openai.OpenAI(base_url=f"{server.url}/v1", api_key="k", max_retries=0)) as client:
        answer = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": text}])
    return answer.choices[0].message.content or ""


def compiled(*nodes: Any) -> Any:
    """All nodes side by side."""
    graph = StateGraph(Thread)
    for number, node in enumerate(nodes):
        graph.add_node(f"n{number}", node)
        graph.add_edge(START, f"n{number}")
        graph.add_edge(f"n{number}", END)
    return graph.compile(checkpointer=InMemorySaver())


def test_a_resumed_node_asks_again_and_waits_again_until_somebody_decided() -> None:
    @reviewed
    def node(state: Thread) -> Thread:
        return {"said": [ask(server, "x")]}

    with gateway(WAITS, WAITS, ANSWERED, ANSWERED) as server:
        graph = compiled(node)
        graph.invoke({"said": []}, config())
        (waits,) = pending_reviews(graph, config()).values()
        assert (waits["invocation_id"], waits["review_id"], waits["message"]) == ("inv_01", "rev_1", PARKED["error"]["message"])
        graph.invoke(None, config())
        assert list(pending_reviews(graph, config()).values()) == [waits]
        assert resume(graph, config(), 10, server.url)["said"] == ["hello"]
        assert pending_reviews(graph, config()) == {}
        paths = [arrival.path for arrival in server.arrivals]
    assert [path.split("?")[0] for path in paths] == [
        "/v1/chat/completions", "/v1/chat/completions", "/v1/invocations/inv_01/result", "/v1/chat/completions",
    ]  # fmt: skip
    assert server.arrivals[0].body == server.arrivals[3].body


def test_two_nodes_wait_at_once_and_both_go_on() -> None:
    def node(text: str) -> Any:
        return reviewed(lambda state: {"said": [f"{text}: {ask(server, text)}"]})

    with gateway(WAITS, WAITS, ANSWERED) as server:
        graph = compiled(node("a"), node("b"))
        graph.invoke({"said": []}, config())
        assert len(pending_reviews(graph, config())) == 2
        assert sorted(resume(graph, config(), 10, server.url)["said"]) == ["a: hello", "b: hello"]


def test_a_rejection_is_raised_in_the_node() -> None:
    @reviewed
    def node(state: Thread) -> Thread:
        try:
            return {"said": [ask(server, "x")]}
        except openai.PermissionDeniedError as refused:
            return {"said": [str(refused.code)]}

    with gateway(WAITS, REJECTED) as server:
        graph = compiled(node)
        graph.invoke({"said": []}, config())
        assert resume(graph, config(), 10, server.url)["said"] == ["review_rejected"]


def test_what_nobody_decides_leaves_the_thread_as_it_was() -> None:
    @reviewed
    def node(state: Thread) -> Thread:
        return {"said": [ask(server, "x")]}

    with gateway(WAITS) as server:
        graph = compiled(node)
        graph.invoke({"said": []}, config())
        with pytest.raises(orchvynt.ReviewTimeout):
            resume(graph, config(), 0, server.url)
        assert len(pending_reviews(graph, config())) == 1


def test_other_errors_pass() -> None:
    @reviewed
    def node(state: Thread) -> Thread:
        raise ValueError("a defect")

    with pytest.raises(ValueError, match="a defect"):
        compiled(node).invoke({"said": []}, config())


def test_an_async_node() -> None:
    @reviewed(workflow="wf")
    async def node(state: Thread) -> Thread:
        async with orchvynt.attach(openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="k", max_retries=0)) as client:
            answer = await client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}])
        return {"said": [answer.choices[0].message.content or ""]}

    async def played() -> Any:
        graph = compiled(node)
        await graph.ainvoke({"said": []}, config())
        return await aresume(graph, config(), 10, server.url)

    with gateway(WAITS, ANSWERED) as server:
        assert asyncio.run(played())["said"] == ["hello"]
    assert server.arrivals[0].headers["x-orchvynt-run"] == "t-1"


@pytest.mark.parametrize("thread", ["t-1", "größe", " x", "y" * 300, "a\r\nb"])
def test_the_run_is_the_thread_in_every_process(thread: str) -> None:
    seen = []

    @reviewed(workflow="wf", agent="clerk")
    def node(state: Thread) -> Thread:
        seen.append(orchvynt.headers())
        return {}

    for _ in range(2):
        compiled(node).invoke({"said": []}, config(thread))
    assert seen[0] == seen[1]
    assert (seen[0]["x-orchvynt-workflow"], seen[0]["x-orchvynt-agent"]) == ("wf", "clerk")
    assert (seen[0]["x-orchvynt-run"] == thread) == (thread == "t-1")
