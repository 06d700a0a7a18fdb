"""Whose money it is: subjects, windows and units of a budget, worked out from the plan alone. No word of the machine's is taken."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from tests.simulation.plan import DAY, HOUR, MINUTE, SECOND, Call, Cap, Policy, Tier

from orchvynt.model.facts import Reserved

Key = tuple[str, str, int]
"""Budget, subject, and the start of the window in ns UTC (0: a lifetime); of one that rolls, of the slice."""

NOBODY: Final = "(none)"
UNITS: Final[Mapping[str, Callable[[Tier, int, int, int], int]]] = MappingProxyType(
    {
        "tokens": lambda _tier, tokens_in, tokens_out, _calls: tokens_in + tokens_out,
        "usd": lambda tier, tokens_in, tokens_out, _calls: tier.nanos(tokens_in, tokens_out),
        "input_tokens": lambda _tier, tokens_in, _tokens_out, _calls: tokens_in,
        "output_tokens": lambda _tier, _tokens_in, tokens_out, _calls: tokens_out,
        "invocations": lambda _tier, _tokens_in, _tokens_out, calls: calls,
    }
)
"""What an attempt takes of a limit, by the limit's unit: of a tier, its tokens in and out, and 1 if it counts its invocation."""
PARTS: Final[Mapping[str, Callable[[Reserved], int]]] = MappingProxyType(
    {
        "tokens": lambda part: part.tokens,
        "usd": lambda part: part.nanos,
        "input_tokens": lambda part: part.tokens - part.output_tokens,
        "output_tokens": lambda part: part.output_tokens,
        "invocations": lambda part: part.invocations,
    }
)
"""The same of a part on record."""
OF_OUTPUT: Final = frozenset({"tokens", "usd", "output_tokens"})
"""The units for which the output needs a bound."""


def applying(policy: Policy, call: Call) -> Iterator[Cap]:
    """The budgets that a call has to keep to."""
    return (cap for cap in policy.caps if cap.fails or not cap.workflow or cap.workflow == call.claims.get("workflow", ""))


def fails(policy: Policy, call: Call) -> bool:
    """Whether the condition of a budget has an error for this call: then nothing of it may pass."""
    return call.broken and any(cap.fails for cap in policy.caps)


def lacks_subject(policy: Policy, call: Call) -> bool:
    """Whether a budget refuses it because it does not say whose money it is."""
    return any(cap.needs_subject and not call.claims.get(cap.scope) for cap in applying(policy, call))


def key_of(cap: Cap, call: Call, inv: str, at: int) -> Key:
    return cap.name, subject(cap, call, inv), window(cap.window, at)


def subject(cap: Cap, call: Call, inv: str) -> str:
    """Who pays. The policies here know no keys, so that nobody has one."""
    if cap.scope == "global":
        return "*"
    if cap.scope == "invocation":
        return inv
    return call.claims.get(cap.scope, "") or NOBODY


def rolls(kind: str) -> int:
    """How long a window that rolls is, in ns; 0 for the others."""
    return int(kind.removeprefix("rolling ").removesuffix("s")) * SECOND if kind.startswith("rolling ") else 0


def _slice(kind: str) -> int:
    return rolls(kind) // 100


def stands(kind: str, start: int, at: int) -> bool:
    """Whether what was held in the window or slice that began at `start` still counts."""
    return start + _slice(kind) + rolls(kind) > at if rolls(kind) else start == window(kind, at)


def window(kind: str, at: int) -> int:
    """When the window that holds `at` began; the timezone is UTC."""
    if kind == "lifetime":
        return 0
    if rolls(kind):
        return at - at % _slice(kind)
    if kind in ("minute", "hour", "day"):
        return at - at % {"minute": MINUTE, "hour": HOUR, "day": DAY}[kind]
    day = at // DAY
    if kind == "week":
        # The epoch was a Thursday.
        return (day - (day + 3) % 7) * DAY
    moment = datetime.fromtimestamp(at // SECOND, UTC)
    return (day - moment.day + 1) * DAY
