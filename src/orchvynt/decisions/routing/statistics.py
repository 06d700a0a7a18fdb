"""How each model's attempts went lately: latencies, errors and tokens over a sliding window. `now` is monotonic nanoseconds.

A percentile is that of a histogram whose bins grow by a fixed factor, after DDSketch (Masson, Rim and Lee, VLDB 2019): what it says is
at most 2.5 % off the latency of that rank. It is said only where enough latencies stand behind it (NEEDED); else it is unmeasured.
"""

from bisect import bisect_left
from collections import deque
from itertools import accumulate
from math import ceil, log
from typing import Final

from orchvynt.decisions.routing.measured import Measured
from orchvynt.model.usage import Usage

SLOT_NS: Final = 30_000_000_000
SLOTS: Final = 10
"""The window is 5 minutes, and moves by half a minute."""

P50_NEEDED: Final = 5
P95_NEEDED: Final = 20
P99_NEEDED: Final = 100
"""Of so many latencies, at least one lies beyond the rank; with fewer, the largest would be passed off as the percentile."""
CALLS_NEEDED: Final = 20
"""For an error rate and for mean tokens."""
MODELS_MAX: Final = 1_024
"""Callers may invent names behind a pattern."""

FRESH: Final = 50
"""A window is measured anew once the samples that came since are a fiftieth of it: adding costs 1 µs, measuring 10 (bench/routing.py)."""

RELATIVE_ERROR_MAX: Final = 0.025
LEAST_NS: Final = 1_000_000
_MOST_NS: Final = 3_600_000_000_000
_GROWTH: Final = (1 + RELATIVE_ERROR_MAX) / (1 - RELATIVE_ERROR_MAX)
_PER_LOG: Final = 1 / log(_GROWTH)
_BINS: Final = ceil(log(_MOST_NS / LEAST_NS) * _PER_LOG) + 2
_BIN_MS: Final = (1.0, *(2 * _GROWTH**number / (_GROWTH + 1) for number in range(1, _BINS)))

# The provider did its part: the request was at fault, or nothing was asked of it.
NOT_ITS_FAULT: Final = frozenset({"bad_request", "content_filter", "context_length", "policy"})
# The answer would have taken at least so long.
TOOK_TOO_LONG: Final = frozenset({"timeout", "stall"})


UNMEASURED: Final = Measured()


class _Slot:
    """Half a minute of one model."""

    __slots__ = ("answered", "bins", "cached", "failed", "inputs", "number", "outputs", "used")

    def __init__(self, number: int) -> None:
        self.number = number
        self.bins: dict[int, int] = {}
        self.answered = self.failed = self.used = self.inputs = self.cached = self.outputs = 0


class _Window:
    """One model: its slots, and the sum of their bins. `told` is what was last said of it, before `since` further samples."""

    __slots__ = ("bins", "since", "slots", "told")

    def __init__(self) -> None:
        self.bins = [0] * _BINS
        self.slots: deque[_Slot] = deque()
        self.told: Measured | None = None
        self.since = 0

    def slot(self, now: int) -> _Slot:
        number = now // SLOT_NS
        if not self.slots or self.slots[-1].number < number:
            self.forget(number)
            self.slots.append(_Slot(number))
        self.since += 1
        return self.slots[-1]

    def forget(self, number: int) -> None:
        """Drops what lies before the window that ends with the slot of this number."""
        while self.slots and self.slots[0].number <= number - SLOTS:
            for place, count in self.slots.popleft().bins.items():
                self.bins[place] -= count
            self.told = None

    def took(self, slot: _Slot, duration_ns: int) -> None:
        place = 0 if duration_ns < LEAST_NS else min(_BINS - 1, int(log(duration_ns / LEAST_NS) * _PER_LOG) + 1)
        self.bins[place] += 1
        slot.bins[place] = slot.bins.get(place, 0) + 1

    def measured(self) -> Measured:
        told = self.told
        if told is None or (self.since and self.since * FRESH >= told.samples):
            told = self.told = self._measure()
            self.since = 0
        return told

    def _measure(self) -> Measured:
        slots = self.slots
        ranks = list(accumulate(self.bins))
        calls = sum(slot.answered + slot.failed for slot in slots)
        used = sum(slot.used for slot in slots)
        enough = used >= CALLS_NEEDED
        return Measured(
            calls,
            _percentile(ranks, 50, P50_NEEDED),
            _percentile(ranks, 95, P95_NEEDED),
            _percentile(ranks, 99, P99_NEEDED),
            sum(slot.failed for slot in slots) / calls if calls >= CALLS_NEEDED else None,
            sum(slot.inputs for slot in slots) // used if enough else None,
            sum(slot.cached for slot in slots) // used if enough else None,
            sum(slot.outputs for slot in slots) // used if enough else None,
        )


def _percentile(ranks: list[int], percent: int, needed: int) -> float | None:
    """By nearest rank: the smallest latency that so many percent do not exceed."""
    total = ranks[-1]
    if total < needed:
        return None
    return round(_BIN_MS[bisect_left(ranks, -(-total * percent // 100))], 3)


class Statistics:
    """The windows of all models of this process, by provider and model; bounded. Nothing here is stored."""

    __slots__ = ("_windows",)

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str], _Window] = {}

    def answered(self, provider: str, model: str, duration_ns: int, usage: Usage | None, now: int) -> None:
        """A whole answer after `duration_ns`; 0 where its time was not the provider's alone, as when the caller read slowly."""
        window = self._window(provider, model)
        slot = window.slot(now)
        slot.answered += 1
        if duration_ns:
            window.took(slot, duration_ns)
        if usage is not None:
            slot.used += 1
            slot.inputs += usage.input_tokens
            slot.cached += usage.cached_input_tokens
            slot.outputs += usage.output_tokens

    def failed(self, provider: str, model: str, outcome: str, duration_ns: int, now: int) -> None:
        """`outcome` is a trigger word. What is not the provider's fault is no sample at all."""
        if outcome in NOT_ITS_FAULT:
            return
        window = self._window(provider, model)
        slot = window.slot(now)
        slot.failed += 1
        if outcome in TOOK_TOO_LONG:
            window.took(slot, duration_ns)

    def measured(self, provider: str, model: str, now: int) -> Measured:
        window = self._windows.get((provider, model))
        if window is None:
            return UNMEASURED
        window.forget(now // SLOT_NS)
        return window.measured()

    def _window(self, provider: str, model: str) -> _Window:
        key = (provider, model)
        window = self._windows.get(key)
        if window is None:
            if len(self._windows) >= MODELS_MAX:
                del self._windows[min(self._windows, key=lambda one: self._windows[one].slots[-1].number)]
            window = self._windows[key] = _Window()
        return window
