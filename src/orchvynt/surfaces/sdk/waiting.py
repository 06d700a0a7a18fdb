"""Waiting for people: `wait_for_review`, and `await_review` under asyncio. Restarts of the server in between do not matter."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

from orchvynt.surfaces.sdk.errors import (
    OrchvyntError,
    PendingReview,
    ReviewExpired,
    ReviewRejected,
    ReviewTimeout,
)
from orchvynt.surfaces.sdk.exchange import Line, Target, exchange, raise_refusal, target
from orchvynt.surfaces.sdk.raised import asked_at, invocation_of, shaped_for
from orchvynt.surfaces.sdk.route_answer import route_answer
from orchvynt.surfaces.sdk.threads import on_a_thread

POLL_SECONDS_MAX: Final = 30.0
POLL_SECONDS_MIN: Final = 1.0
# What a server that starts, a store that is away or a proxy in between says meanwhile.
PASSING: Final = frozenset({"connection", "timeout", "overloaded", "store_unavailable", "rate_limited"})


def wait_for_review(pending: BaseException | str, timeout: float = 3600.0, base_url: str | None = None, api_key: str | None = None) -> Any:
    """Waits until a person has decided, at most `timeout` seconds, and gives the answer that was let through.

    `pending` is what was raised, or the invocation's id. The answer has the type that the client would have given: `ChatCompletion` of
    `openai`, `Message` of `anthropic`, `ChatResponse` of `ollama`, `RouteAnswer` for `PendingReview`; for an id it is the API's object, a
    `dict`. Where it was asked, and as whom, is read from the exception of an `openai` or `anthropic` client; else say it, as for `route`.

    Raises ReviewRejected, ReviewExpired, ReviewTimeout if nobody decided in time, OrchvyntError for what else ends the waiting.
    """
    return _wait(Line(), *_asked(pending, base_url, api_key), timeout)


async def await_review(
    pending: BaseException | str,
    timeout: float = 3600.0,  # noqa: ASYNC109 - it is how long people may take
    base_url: str | None = None,
    api_key: str | None = None,
) -> Any:
    """`wait_for_review` on a thread of its own. A cancelled task hangs up."""
    asked = _asked(pending, base_url, api_key)
    line = Line()
    return await on_a_thread(line, lambda: _wait(line, *asked, timeout))


Shape = Callable[[dict[str, Any]], Any]


def _asked(pending: BaseException | str, base_url: str | None, api_key: str | None) -> tuple[str, Target, Shape]:
    known_url, known_key = asked_at(pending)
    where = target(base_url or known_url, api_key)
    if api_key is None and known_url is not None and known_key:
        asked = target(known_url, known_key)
        # The credential of a client is for the server that the client asked.
        if (asked.tls, asked.host, asked.port) == (where.tls, where.host, where.port):
            where = replace(where, api_key=known_key)
    shape: Shape = route_answer if isinstance(pending, PendingReview) and pending.routed else shaped_for(pending)
    return invocation_of(pending), where, shape


def _wait(line: Line, invocation: str, where: Target, shape: Shape, timeout: float) -> Any:
    ends = time.monotonic() + timeout
    while True:
        began = time.monotonic()
        wait = max(0.0, min(POLL_SECONDS_MAX, ends - began))
        path = f"/v1/invocations/{quote(invocation, safe='')}/result?wait={int(wait)}s"
        try:
            answer = exchange(where, "GET", path, wait + 10, line)
            raise_refusal(answer)
        except OrchvyntError as refused:
            _go_on_after(refused, invocation, timeout, ends)
        else:
            return shape(answer.body)
        line.pause(min(POLL_SECONDS_MIN - (time.monotonic() - began), ends - time.monotonic()))


def _go_on_after(refused: OrchvyntError, invocation: str, timeout: float, ends: float) -> None:
    """Raises what ends the waiting; returns where it may go on."""
    named = (refused.status, refused.code, refused.message, refused.invocation_id or invocation, refused.detail)
    if refused.code == "review_rejected":
        raise ReviewRejected(*named) from refused
    if refused.code == "review_expired":
        raise ReviewExpired(*named) from refused
    pending = isinstance(refused, PendingReview)
    if not pending and refused.code not in PASSING and not (refused.code == "malformed" and refused.status >= 500):
        raise refused
    if time.monotonic() < ends:
        return
    if isinstance(refused, PendingReview):
        said = f"Nobody decided review {refused.review_id} within {timeout:g} s; it stays open, and its answer can be waited for again."
        raise ReviewTimeout(refused.status, said, refused.invocation_id or invocation, refused.review_id, refused.poll, refused.detail)
    raise refused
