"""How a budget stands against each of its limits, how fast it is spent, and where that leads. Integers only."""

from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec

from orchvynt.language.compiled_budgets import Limits

HOUR_NS: Final = 3_600_000_000_000
MILLION: Final = 1_000_000

Unit = Literal["usd", "tokens", "input_tokens", "output_tokens", "invocations"]


class Spend(msgspec.Struct, frozen=True, gc=False):
    """An amount in every unit that a budget may have. Of `tokens`, `output` are output."""

    nanos: int = 0
    tokens: int = 0
    output: int = 0
    invocations: int = 0

    def in_unit(self, unit: Unit) -> int:
        match unit:
            case "usd":
                return self.nanos
            case "tokens":
                return self.tokens
            case "input_tokens":
                return self.tokens - self.output
            case "output_tokens":
                return self.output
            case "invocations":
                return self.invocations


NOTHING: Final = Spend()


class Measure(msgspec.Struct, frozen=True, gc=False):
    """One limit of a budget, and what stands against it; `usd` is in nano-dollars. `leased` is what processes may still hold of it, with
    what they hold."""

    unit: Unit
    limit: int
    settled: int
    held: int
    leased: int = 0

    @property
    def remaining(self) -> int:
        """Less than nothing past a limit that does not end everything, as that of a budget that downgrades."""
        return self.limit - self.settled - self.held

    @property
    def used_ppm(self) -> int:
        """How much of the limit is used, in millionths, rounded down; a limit of nothing is used up."""
        return (self.settled + self.held) * MILLION // self.limit if self.limit > 0 else MILLION


class Burn(msgspec.Struct, frozen=True):
    """What was settled over `over_ns` up to now. `basis`: of the recent receipts, or of the window so far; empty where too little is
    known to say."""

    spent: Spend = NOTHING
    over_ns: int = 0
    basis: Literal["", "recent", "window"] = ""

    def per_hour(self, unit: Unit) -> int:
        return self.spent.in_unit(unit) * HOUR_NS // self.over_ns if self.over_ns else 0


class Forecast(msgspec.Struct, frozen=True):
    """Where the present rate leads. `full_at` is when `unit` reaches its limit (ns UTC), 0 if not before the window ends;
    `used_at_end_ppm` is then how much of the limit will be used at its end, in millionths, for a window that rolls how much in the long
    run. `unit` is empty where nothing can be said."""

    unit: Unit | Literal[""] = ""
    full_at: int = 0
    used_at_end_ppm: int = 0


UNKNOWN: Final = Forecast()


def measures(limits: Limits, settled: Spend, held: Spend) -> tuple[Measure, ...]:
    """One for each unit that is limited. Every answer tells how its budgets stand: no loop over the four units that most leave open."""
    found: list[Measure] = []
    if (limit := limits.nanos) is not None:
        found.append(Measure("usd", limit, settled.nanos, held.nanos))
    if (limit := limits.tokens) is not None:
        found.append(Measure("tokens", limit, settled.tokens, held.tokens))
    if (limit := limits.input_tokens) is not None:
        found.append(Measure("input_tokens", limit, settled.tokens - settled.output, held.tokens - held.output))
    if (limit := limits.output_tokens) is not None:
        found.append(Measure("output_tokens", limit, settled.output, held.output))
    if (limit := limits.invocations) is not None:
        found.append(Measure("invocations", limit, settled.invocations, held.invocations))
    return tuple(found)


def tightest(found: Sequence[Measure]) -> Measure | None:
    """The one nearest to its limit; the first of equals."""
    return max(found, key=lambda one: one.used_ppm, default=None)


def forecast(found: Iterable[Measure], burn: Burn, now: int, resets_at: int, rolls_ns: int = 0) -> Forecast:
    """Of the limit that is reached first, else of the one that is used most in the end. A limit that is reached already says nothing."""
    ahead = [one for one in (_ahead(measure, burn, now, resets_at, rolls_ns) for measure in found) if one is not None]
    full = [one for one in ahead if one.full_at]
    if full:
        return min(full, key=lambda one: one.full_at)
    return max(ahead, key=lambda one: one.used_at_end_ppm, default=UNKNOWN)


def _ahead(measure: Measure, burn: Burn, now: int, resets_at: int, rolls_ns: int) -> Forecast | None:
    spent = burn.spent.in_unit(measure.unit)
    if not burn.basis or measure.remaining <= 0 or measure.limit <= 0:
        return None
    # What is spent in one rolling window at this rate is what stands in every later one.
    used = 0 if rolls_ns else measure.settled + measure.held
    used_at_end = used + spent * (rolls_ns or max(0, resets_at - now)) // burn.over_ns
    used_ppm = used_at_end * MILLION // measure.limit
    until_full = -(-measure.remaining * burn.over_ns // spent) if spent > 0 else 0
    ends = resets_at > 0 or rolls_ns > 0
    if until_full and (used_at_end >= measure.limit or not ends):
        return Forecast(measure.unit, now + until_full, used_ppm)
    return Forecast(measure.unit, 0, used_ppm) if ends else None
