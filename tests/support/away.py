"""What a caller and an operator see of a server whose store is away, asked until it is so."""

import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from tests.support.serving import Reply, Serving

T = TypeVar("T")

PATIENCE_S: Final = 150.0
AGAIN_S: Final = 0.1


def at_last(ask: Callable[[], T], holds: Callable[[T], bool], what: str) -> T:
    """What was found, once it holds."""
    until = time.monotonic() + PATIENCE_S
    while True:
        found = ask()
        if holds(found):
            return found
        assert time.monotonic() < until, f"never: {what}; at last {getattr(found, 'body', found)}"
        time.sleep(AGAIN_S)


def refused(reply: Reply) -> dict[str, Any]:
    """The error of a refusal that says that the store is away, and when to come back."""
    assert reply.status == 503, (reply.status, reply.body)
    error: dict[str, Any] = reply.json["error"]
    assert error["code"] == "store_unavailable", error
    assert int(reply.headers["retry-after"]) > 0
    return error


def outage(server: Serving) -> str:
    """What `status` says of it; empty while the store is there."""
    return str(server.admin("/status").json["outage"])


def caught_up(server: Serving) -> None:
    at_last(lambda: server.admin("/invocations"), lambda reply: reply.status == 200, "the store is back")
    at_last(lambda: outage(server), lambda said: said == "", "the outage is over")
