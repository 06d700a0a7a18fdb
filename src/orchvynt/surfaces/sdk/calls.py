"""The calls: one answer by workload (`route`, `aroute`), and waiting for a person (`wait_for_review`)."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from orchvynt.surfaces.sdk.errors import OrchvyntError, PendingReview
from orchvynt.surfaces.sdk.exchange import Line, exchange, raise_refusal, target
from orchvynt.surfaces.sdk.runs import headers

TIMEOUT_SECONDS: Final = 600.0
POLL_SECONDS_MAX: Final = 30.0
POLL_SECONDS_MIN: Final = 1.0
PASSING: Final = frozenset({"connection", "timeout", "overloaded", "store_unavailable", "rate_limited"})


@dataclass(frozen=True)
class Usage:
    prompt_tokens: int
    completion_tokens: int
    total_cost_usd: float | str


@dataclass(frozen=True)
class RouteAnswer:
    """`routing_decision` says why this model: `policy_matched`, `fallback_tier_used` and more. `raw` is the answer as it came."""

    content: str
    model_used: str
    provider_used: str
    routing_decision: Mapping[str, Any]
    usage: Usage
    invocation_id: str
    raw: Mapping[str, Any]


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
    """`route` on a thread. A cancelled task hangs up, so that the server stops at once."""
    line = Line()
    try:
        return await asyncio.to_thread(_route, line, messages, workload, context, options, flags, agent, base_url, api_key, timeout)
    except asyncio.CancelledError:
        line.hang_up()
        raise


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
    raise_refusal(answer)
    return _route_answer(answer.body)


def _route_answer(body: Any) -> RouteAnswer:
    if not isinstance(body, dict) or "content" not in body:
        raise OrchvyntError(200, "malformed", "The answer has no content; is base_url really an OrchVynt?")
    usage = body.get("usage") or {}
    return RouteAnswer(
        content=body["content"],
        model_used=body.get("model_used", ""),
        provider_used=body.get("provider_used", ""),
        routing_decision=body.get("routing_decision") or {},
        usage=Usage(usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0), usage.get("total_cost_usd", 0)),
        invocation_id=body.get("invocation_id", ""),
        raw=body,
    )


def wait_for_review(
    pending: BaseException | str, timeout: float = 3600.0, base_url: str | None = None, api_key: str | None = None
) -> dict[str, Any]:
    """Waits until a person has decided, at most `timeout` seconds, and gives the approved answer as the caller's API has it.

    `pending` is what was raised (PendingReview, or the 409 of an `openai` or `anthropic` client) or the invocation's id. Restarts of the
    server in between do not matter. Raises OrchvyntError (`review_rejected`, `review_expired`), or PendingReview if nobody decided in time.
    """
    invocation = _invocation(pending)
    where = target(base_url, api_key)
    ends = time.monotonic() + timeout
    while True:
        began = time.monotonic()
        wait = max(0.0, min(POLL_SECONDS_MAX, ends - began))
        path = f"/v1/invocations/{quote(invocation, safe='')}/result?wait={int(wait)}s"
        try:
            answer = exchange(where, "GET", path, wait + 10, Line())
            raise_refusal(answer)
        except PendingReview:
            if time.monotonic() >= ends:
                raise
        except OrchvyntError as refused:
            if refused.code not in PASSING or time.monotonic() >= ends:
                raise
        else:
            body: dict[str, Any] = answer.body
            return body
        pause = POLL_SECONDS_MIN - (time.monotonic() - began)
        if pause > 0:
            time.sleep(min(pause, max(0.0, ends - time.monotonic())))


def _invocation(pending: BaseException | str) -> str:
    """The invocation that an exception of ours or of another SDK speaks of."""
    if isinstance(pending, str):
        found = pending
    else:
        response = getattr(pending, "response", None)
        carried = getattr(response, "headers", {})
        body = getattr(pending, "body", None)
        found = (
            getattr(pending, "invocation_id", "")
            or carried.get("x-orchvynt-invocation", "")
            or (body.get("invocation_id", "") if isinstance(body, dict) else "")
        )
    if not found:
        raise ValueError("no invocation is named there; give the exception that was raised, or the id of x-orchvynt-invocation")
    return str(found)
