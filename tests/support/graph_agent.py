"""An agent of its own process: a LangGraph graph with a checkpointer in SQLite, whose first node asks a model through OrchVynt.

`python -m tests.support.graph_agent BASE_URL DATABASE THREAD HOW [RUNS]` runs the thread for a while, and prints what came of it as JSON.
HOW: `run` begins or goes on, `resume` waits for the review first, `async` is `run` with an async node and client.
"""

import asyncio
import json
import sys
from typing import Any, TypedDict

import openai
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph

import orchvynt
from orchvynt.langgraph import pending_reviews, resume, reviewed

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


def main(url: str, database: str, thread: str, how: str) -> dict[str, Any]:
    config: Any = {"configurable": {"thread_id": thread}}
    with SqliteSaver.from_conn_string(database) as checkpointer:
        graph = graph_of(url, asynchronous=False).compile(checkpointer=checkpointer)
        try:
            if how == "resume":
                state = resume(graph, config, timeout=60, base_url=url, api_key="agent-1")
            else:
                begun = bool(graph.get_state(config).values)
                state = graph.invoke(None if begun else {"question": "pay"}, config)
        except openai.PermissionDeniedError as refused:
            return {"refused": refused.code}
        return {"state": state, "waits": list(pending_reviews(graph, config).values())}


async def amain(url: str, database: str, thread: str) -> dict[str, Any]:
    config: Any = {"configurable": {"thread_id": thread}}
    async with AsyncSqliteSaver.from_conn_string(database) as checkpointer:
        graph = graph_of(url, asynchronous=True).compile(checkpointer=checkpointer)
        begun = await graph.aget_state(config)
        state = await graph.ainvoke(None if begun.values else {"question": "pay"}, config)
        left = await graph.aget_state(config)
        return {"state": state, "waits": [one.value for one in left.interrupts]}


if __name__ == "__main__":
    url, database, thread, how = sys.argv[1:]
    told = asyncio.run(amain(url, database, thread)) if how == "async" else main(url, database, thread, how)
    told["state"] = {name: value for name, value in told.get("state", {}).items() if name != "__interrupt__"}
    print(json.dumps(told))
