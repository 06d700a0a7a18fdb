"""LangGraph: a node whose answer waits for a review becomes an `interrupt()`, and goes on with that same answer when it is run again.

Needs `langgraph` (`pip install 'orchvynt[langgraph]'`). Nothing of the server is loaded.
"""

import functools
import hashlib
import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any, Final, TypeVar, overload

from langgraph.config import get_config
from langgraph.types import Command, interrupt

from orchvynt.surfaces.sdk.claims import NAME_CHARS_MAX
from orchvynt.surfaces.sdk.errors import ReviewExpired, ReviewRejected
from orchvynt.surfaces.sdk.raised import error_object, invocation_of, is_pending
from orchvynt.surfaces.sdk.runs import Run, run
from orchvynt.surfaces.sdk.waiting import await_review, wait_for_review

KIND: Final = "orchvynt.review"
"""The `kind` of what `interrupt()` is given, by which these interrupts are told from others."""

Node = TypeVar("Node", bound=Callable[..., Any])


@overload
def reviewed(node: Node, *, workflow: str = "", agent: str = "") -> Node: ...
@overload
def reviewed(node: None = None, *, workflow: str = "", agent: str = "") -> Callable[[Node], Node]: ...
def reviewed(node: Node | None = None, *, workflow: str = "", agent: str = "") -> Node | Callable[[Node], Node]:
    """Makes a node, sync or async, that calls a model through OrchVynt able to wait for people.

    When the client raises that the answer waits (`hitl_pending`), the graph is interrupted with the ids of the review and the address to
    poll. Run again, by `Command(resume=…)` or after the process died, the node sends the same request, which joins the answer: nothing is
    sent to a provider a second time. As long as nobody has decided it is interrupted anew. A rejection is what the client raises for 403.

    With `workflow` (and `agent`) the node runs in `orchvynt.run(workflow, id=THREAD_ID)`, so that a later process is in the same run; a
    client must be attached (`orchvynt.attach`), or send `orchvynt.headers()`.
    """
    if node is None:
        return lambda later: reviewed(later, workflow=workflow, agent=agent)
    if inspect.iscoroutinefunction(node):

        @functools.wraps(node)
        async def asked(*arguments: Any, **named: Any) -> Any:
            while True:
                with _Interrupting(), _in_its_run(workflow, agent):
                    return await node(*arguments, **named)

        return asked  # type: ignore[return-value]  # the same signature, as functools.wraps says

    @functools.wraps(node)
    def asked_at_once(*arguments: Any, **named: Any) -> Any:
        while True:
            with _Interrupting(), _in_its_run(workflow, agent):
                return node(*arguments, **named)

    return asked_at_once


def _in_its_run(workflow: str, agent: str) -> AbstractContextManager[Run | None]:
    return run(workflow, id=_run_of(get_config()), agent=agent) if workflow else nullcontext()


def _run_of(config: Mapping[str, Any]) -> str:
    """The thread of the graph, which a later process names again. What no header can carry is known by its digest."""
    thread = str(config.get("configurable", {}).get("thread_id", ""))
    if thread.isascii() and thread.isprintable() and thread == thread.strip() and len(thread) <= NAME_CHARS_MAX:
        return thread
    return f"thread_{hashlib.sha256(thread.encode('utf-8', 'surrogatepass')).hexdigest()}"


class _Interrupting:
    """Interrupts the graph where its block raised that an answer waits. A graph that was resumed comes back from that: then the block is to
    be run again."""

    def __enter__(self) -> None:
        """Nothing is needed before."""

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None) -> bool:
        if not isinstance(raised, Exception) or not is_pending(raised):
            return False
        said = error_object(raised)
        invocation = invocation_of(raised)
        interrupt(
            {
                "kind": KIND,
                "invocation_id": invocation,
                "review_id": str(said.get("review_id", "")),
                "gate": str(said.get("gate", "")),
                "poll": f"/v1/invocations/{invocation}/result",
                "message": str(said.get("message", raised)),
            }
        )
        return True


def pending_reviews(graph: Any, config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What a thread of a compiled graph waits for: by the id of the interrupt, what the node said of its review."""
    return _reviews(graph.get_state(config).interrupts)


def resume(graph: Any, config: Mapping[str, Any], timeout: float = 3600.0, base_url: str | None = None, api_key: str | None = None) -> Any:
    """Waits until people have decided all that the thread waits for, at most `timeout` seconds for each, and invokes the graph again.

    Raises ReviewTimeout; then the thread is as it was. What was rejected is not raised here: the node is told so. Without anything to wait
    for, the thread is continued where it was left.
    """
    found = pending_reviews(graph, config)
    for review in found.values():
        try:
            wait_for_review(review["invocation_id"], timeout, base_url, api_key)
        except (ReviewRejected, ReviewExpired):
            continue
    return graph.invoke(_resuming(found), config)


async def aresume(
    graph: Any,
    config: Mapping[str, Any],
    timeout: float = 3600.0,  # noqa: ASYNC109 - it is how long people may take
    base_url: str | None = None,
    api_key: str | None = None,
) -> Any:
    """`resume` under asyncio."""
    found = _reviews((await graph.aget_state(config)).interrupts)
    for review in found.values():
        try:
            await await_review(review["invocation_id"], timeout, base_url, api_key)
        except (ReviewRejected, ReviewExpired):
            continue
    return await graph.ainvoke(_resuming(found), config)


def _reviews(interrupts: Any) -> dict[str, dict[str, Any]]:
    return {one.id: one.value for one in interrupts if isinstance(one.value, dict) and one.value.get("kind") == KIND}


def _resuming(found: Mapping[str, Any]) -> Command[Any] | None:
    return Command(resume=dict.fromkeys(found, "decided")) if found else None


__all__ = ["KIND", "aresume", "pending_reviews", "resume", "reviewed"]
