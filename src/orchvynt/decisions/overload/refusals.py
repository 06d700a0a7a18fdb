"""What a caller is told who is not let in: why, and when to come back. Each in another second, so that they do not come back together."""

from typing import Final, Literal

from orchvynt.decisions.overload.quota import Priority
from orchvynt.model.faults import Fault

Reason = Literal["queue", "open", "filing", "disk"]
REASONS: Final[tuple[Reason, ...]] = ("queue", "open", "filing", "disk")

SECOND: Final = 1_000_000_000
_SAID: Final[dict[Reason, str]] = {
    "queue": "More comes in than this process gets done.",
    "open": "As many invocations are open as this process may have.",
    "filing": "More is recorded than the store takes in.",
    "disk": "The disk of the journal has no room for further invocations, or is read-only.",
}
_HELP: Final = "Nothing was done with this request: send the same again, not before `retry-after`."
# The soonest, and over how many seconds at most they are spread.
_SOONEST: Final[dict[Reason, int]] = {"queue": 1, "open": 1, "filing": 5, "disk": 10}
SPREAD_MAX: Final = 8


def seconds(reason: Reason, number: int, times: int, rest_ns: int) -> int:
    """`retry-after` of the refusal with this number, where `times` as many come as may begin. It is never shorter than the connection
    rests: who waits as told does not notice that."""
    rest = -(-rest_ns // SECOND)
    return max(_SOONEST[reason], rest) + number % max(1, min(max(times, rest), SPREAD_MAX))


def overloaded(reason: Reason, priority: Priority, retry_after_seconds: int) -> Fault:
    detail = {"reason": reason, "priority": priority}
    # A disk that is full is no load that goes by.
    code = "store_unavailable" if reason == "disk" else "overloaded"
    return Fault(code, _SAID[reason], _HELP, detail=detail, retry_after_seconds=retry_after_seconds)
