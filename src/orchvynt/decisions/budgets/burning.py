"""How fast budgets are spent: the receipts of the last hour, as far as they are remembered. No clock, no store."""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

from orchvynt.decisions.budgets.standing import HOUR_NS, NOTHING, Burn, Spend
from orchvynt.model.facts import Reserved

# One append a receipt on the hot path (0.1 µs); who asks for rates pays for adding up.
RECEIPTS_KEPT: Final = 4_096
RECEIPTS_NEEDED: Final = 3
SPAN_NEEDED_NS: Final = 60_000_000_000
WINDOW_NEEDED_NS: Final = 300_000_000_000

Subject = tuple[str, str]
"""Budget and subject."""


class Burning:
    """Remembers the last 4,096 receipts of a process, and since when it does."""

    __slots__ = ("_settled", "_since")

    def __init__(self, now: int) -> None:
        self._since = now
        self._settled: deque[tuple[int, tuple[Reserved, ...]]] = deque(maxlen=RECEIPTS_KEPT)

    def add(self, at: int, parts: tuple[Reserved, ...]) -> None:
        self._settled.append((at, parts))

    def spans(self, now: int) -> int:
        """Over how long, up to now, every receipt is remembered (ns): an hour at most."""
        since = self._settled[0][0] if len(self._settled) == RECEIPTS_KEPT else self._since
        return min(HOUR_NS, max(0, now - since))

    def recent(self, now: int) -> dict[Subject, tuple[Spend, int]]:
        """What each subject spent within `spans`, in how many receipts."""
        begin = now - self.spans(now)
        sums: dict[Subject, list[int]] = {}
        for at, parts in self._settled:
            if at >= begin:
                _add(sums, parts)
        return {subject: (Spend(nanos, tokens, output, calls), count) for subject, (nanos, tokens, output, calls, count) in sums.items()}


def burn(recent: Mapping[Subject, tuple[Spend, int]], subject: Subject, over_ns: int, settled: Spend = NOTHING, window_ns: int = 0) -> Burn:
    """The rate of a subject by its recent receipts, if there are three within a minute or more; else by what it settled in its window,
    which began `window_ns` ago (0: not known), if that is five minutes or more; else none."""
    spent, count = recent.get(subject, (NOTHING, 0))
    if count >= RECEIPTS_NEEDED and over_ns >= SPAN_NEEDED_NS:
        return Burn(spent, over_ns, "recent")
    if window_ns >= WINDOW_NEEDED_NS and settled != NOTHING:
        return Burn(settled, window_ns, "window")
    return Burn()


def _add(sums: dict[Subject, list[int]], parts: Iterable[Reserved]) -> None:
    for part in parts:
        total = sums.setdefault((part.budget, part.subject), [0, 0, 0, 0, 0])
        total[0] += part.nanos
        total[1] += part.tokens
        total[2] += part.output_tokens
        total[3] += part.invocations
        total[4] += 1
