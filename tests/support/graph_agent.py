"""An agent of its own process: a LangGraph graph with a checkpointer in SQLite, whose first node asks a model through OrchVynt.

`Agents` makes the processes: forks of one that has loaded the libraries, which takes seconds on a busy machine.
"""

import asyncio
import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypedDict

import openai
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph

import orchvynt
from orchvynt.langgraph import pending_reviews, resume, reviewed

THREAD = "thread-1"
FLAGGED = {"x-orchvynt-flags": "review"}


class Thread(TypedDict, total=False):
    question: str
    answer: str
    filed: int


def graph_of(url: str, asynchronous: bool) -> StateGraph[Thread]:
    messages: Any = [{"role": "user", "content": "wire the money?"}]

    @reviewed(workflow="payments", agent="clerk")
    def ask(state: Thread) -> Thread:
        with orchvynt.attach(openai.OpenAI(base_url=f"{url}/v1", api_key="agent-1", max_retries=0)) as client:
            answer = client.chat.completions.create(model="gpt-4o", messages=messages, extra_headers=FLAGGED)
        return {"answer": answer.choices[0].message.content or ""}

    @reviewed(workflow="payments", agent="clerk")
    async def aask(state: Thread) -> Thread:
        async with orchvynt.attach(openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="agent-1", max_retries=0)) as client:
            answer = await client.chat.completions.create(model="gpt-4o", messages=messages, extra_headers=FLAGGED)
        return {"answer": answer.choices[0].message.content or ""}

    def file(state: Thread) -> Thread:
        return {"filed": state.get("filed", 0) + 1}

    graph = StateGraph(Thread)
    graph.add_node("ask", aask if asynchronous else ask)
    graph.add_node("file", file)
    graph.add_edge(START, "ask")
    graph.add_edge("ask", "file")
    graph.add_edge("file", END)
    return graph


def once(url: str, database: str, how: str) -> dict[str, Any]:
    config: Any = {"configurable": {"thread_id": THREAD}}
    with SqliteSaver.from_conn_string(database) as checkpointer:
        graph = graph_of(url, asynchronous=False).compile(checkpointer=checkpointer)
        if how == "resume":
            state = resume(graph, config, timeout=60, base_url=url, api_key="agent-1")
        else:
            begun = bool(graph.get_state(config).values)
            state = graph.invoke(None if begun else {"question": "pay"}, config)
        return {"state": state, "waits": list(pending_reviews(graph, config).values())}


async def once_async(url: str, database: str) -> dict[str, Any]:
    config: Any = {"configurable": {"thread_id": THREAD}}
    async with AsyncSqliteSaver.from_conn_string(database) as checkpointer:
        graph = graph_of(url, asynchronous=True).compile(checkpointer=checkpointer)
        begun = await graph.aget_state(config)
        state = await graph.ainvoke(None if begun.values else {"question": "pay"}, config)
        left = await graph.aget_state(config)
        return {"state": state, "waits": [one.value for one in left.interrupts]}


def _process(url: str, database: str, how: str, tell: Connection) -> None:
    told = asyncio.run(once_async(url, database)) if how == "async" else once(url, database, how)
    told["state"].pop("__interrupt__", None)
    tell.send(told)


class Running:
    """One process of the agent. `told` is what came of the thread: its state, and what it waits for."""

    def __init__(self, process: Any, heard: Connection) -> None:
        self._process = process
        self._heard = heard

    def told(self, timeout: float = 100.0) -> dict[str, Any]:
        assert self._heard.poll(timeout), "the agent's process said nothing"
        told: dict[str, Any] = self._heard.recv()
        self._process.join(timeout)
        return told

    def kill(self) -> None:
        """`kill -9`."""
        self._process.kill()
        self._process.join()


class Agents:
    """Of one thread; what it keeps between its processes is in the folder."""

    def __init__(self, folder: Path) -> None:
        self._database = str(folder / "graph.db")
        self._forks = multiprocessing.get_context("forkserver")
        self._forks.set_forkserver_preload([__name__])

    def start(self, url: str, how: str = "run") -> Running:
        """HOW: `run` begins or goes on, `async` does so with an async node and client, `resume` waits for the review first."""
        heard, tell = self._forks.Pipe(duplex=False)
        process = self._forks.Process(target=_process, args=(url, self._database, how, tell))
        process.start()
        tell.close()
        return Running(process, heard)
