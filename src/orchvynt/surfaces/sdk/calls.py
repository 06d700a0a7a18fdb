"""One answer by workload: `route`, and `aroute` under asyncio."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from orchvynt.surfaces.sdk.errors import PendingReview
from orchvynt.surfaces.sdk.exchange import Line, exchange, raise_refusal, target
from orchvynt.surfaces.sdk.route_answer import RouteAnswer, route_answer
from orchvynt.surfaces.sdk.runs import headers
from orchvynt.surfaces.sdk.threads import on_a_thread

TIMEOUT_SECONDS: Final = 600.0


def route(
    *,
    messages: Sequence[Mapping[str, Any]],
    workload: str = "",
    context: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    flags: Iterable[str] = (),
    agent: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    timeout: float = TIMEOUT_SECONDS,
) -> RouteAnswer:
    """Asks for one answer; the policy chooses the model. `timeout` in seconds. Raises OrchvyntError, and PendingReview if a person
    has to look first. Workflow and run come from the `with orchvynt.run(…)` around it."""
    return _route(Line(), messages, workload, context, options, flags, agent, base_url, api_key, timeout)


async def aroute(
    *,
    messages: Sequence[Mapping[str, Any]],
    workload: str = "",
    context: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    flags: Iterable[str] = (),
    agent: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    timeout: float = TIMEOUT_SECONDS,  # noqa: ASYNC109 - it is told to the server, which parks or answers in time
) -> RouteAnswer:
    """`route` on a thread of its own. A cancelled task hangs up, so that the server stops at once."""
    line = Line()
    return await on_a_thread(line, lambda: _route(line, messages, workload, context, options, flags, agent, base_url, api_key, timeout))


def _route(
    line: Line,
    messages: Sequence[Mapping[str, Any]],
    workload: str,
    context: Mapping[str, Any] | None,
    options: Mapping[str, Any] | None,
    flags: Iterable[str],
    agent: str | None,
    base_url: str | None,
    api_key: str | None,
    timeout: float,
) -> RouteAnswer:
    if isinstance(flags, str):
        raise TypeError("flags is a list of texts, not one text")
    body: dict[str, Any] = {"messages": [dict(message) for message in messages]}
    if workload:
        body["workload"] = workload
    for name, value in (("context", context), ("options", options)):
        if value:
            body[name] = dict(value)
    if listed := list(flags):
        body["flags"] = listed
    answer = exchange(target(base_url, api_key), "POST", "/v1/route", timeout, line, body, headers(agent=agent))
    try:
        raise_refusal(answer)
    except PendingReview as pending:
        pending.routed = True
        raise
    return route_answer(answer.body)
