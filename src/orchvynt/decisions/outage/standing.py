"""Whether the store is away, since when, and what is closed because of it. Pure: what is seen of the store rides in with its instant.

The store is away when it says why it takes nothing, or when it takes nothing of what waits for it. What is away began at the last instant
at which all was well, so an outage that is noticed late is as old as it is.
"""

from typing import Final, Literal

import msgspec

from orchvynt.language.snapshot import Outage

SECOND: Final = 1_000_000_000
SILENT_NS: Final = 10 * SECOND
"""So long a store that says nothing may take nothing: one batch may be large, one flush of its disk slow."""
TOLD_NS: Final = 5 * SECOND
"""So old is an outage of which people are told, unless it has closed something before: a restart is no news."""
JOURNAL_DOUBT_NS: Final = 10 * SECOND
"""So long after a write of the journal that failed the process is said not to be ready."""
SILENT: Final = "the store does not answer. It goes on by itself once it does."

Mark = tuple[int, int]
"""A place in the journal; later ones are greater."""


class Seen(msgspec.Struct, frozen=True):
    """What is seen of the store at `mono` (monotonic ns): up to where the journal, `written` so far, is `filed` there; why it takes
    nothing, as it says itself (empty: it says nothing); how many invocations the journal has, or refused; and how many of its writes
    failed."""

    mono: int
    written: Mark
    filed: Mark
    problem: str
    begun: int
    failures: int = 0


class Standing:
    """How this process stands with its store. `away` is read for each invocation; `begun` counts them. `why` is empty while it is there.
    `journal_fails`: the journal, which the store does not need for that, took nothing a moment ago."""

    __slots__ = (
        "_failed", "_failures", "_filed", "_mark", "_mono", "_reached", "_since", "_told",
        "away", "begun", "budgets_closed", "journal_fails", "terms", "why",
    )  # fmt: skip

    def __init__(self) -> None:
        self.away = False
        self.begun = 0
        self.budgets_closed = False
        self.journal_fails = False
        self.why = ""
        self.terms = Outage()
        self._mono = 0
        self._failures = 0
        self._failed: int | None = None
        self._since: int | None = None
        self._filed: Mark = (0, 0)
        # INVARIANT: the store has heard of the first `_reached` invocations, and of those counted at a mark once it has filed that place.
        self._reached = 0
        self._mark: tuple[Mark, int] | None = None
        self._told = False

    def look(self, seen: Seen, terms: Outage) -> None:
        """Takes in what is seen now; twice a second."""
        self.terms = terms
        self._count(seen)
        if seen.failures != self._failures:
            self._failures, self._failed = seen.failures, seen.mono
        self.journal_fails = self._failed is not None and seen.mono - self._failed < JOURNAL_DOUBT_NS
        moved, waits = seen.filed != self._filed, seen.filed < seen.written
        self._filed = seen.filed
        if not seen.problem and (moved or not waits):
            self._since = self._mono = seen.mono
            self.away = self.budgets_closed = False
            self.why = ""
            return
        self._mono = seen.mono
        if self._since is None:
            self._since = seen.mono
        if seen.problem:
            self.away, self.why = True, seen.problem
        elif not self.away and self.lasts_ns >= SILENT_NS:
            self.away, self.why = True, SILENT
        self.budgets_closed = self.away and self.lasts_ns >= terms.closed_after_ns

    def _count(self, seen: Seen) -> None:
        if self._mark is not None and seen.filed >= self._mark[0]:
            self._reached, self._mark = self._mark[1], None
        if self._mark is None:
            self._mark = (seen.written, seen.begun)
            if seen.filed >= seen.written:
                self._reached = seen.begun

    @property
    def lasts_ns(self) -> int:
        """For how long the store has been away, at the last look."""
        return self._mono - self._since if self._since is not None else 0

    @property
    def unheard(self) -> int:
        """How many invocations the store may not have heard of: never too few."""
        return self.begun - self._reached

    @property
    def full(self) -> bool:
        """Whether no further invocation may begin."""
        return self.away and self.unheard >= self.terms.buffer

    @property
    def serves_all(self) -> bool:
        """Whether nothing is closed to invocations that no people are asked about."""
        return not self.budgets_closed and not self.full

    def news(self) -> Literal["", "firing", "resolved"]:
        """What people are to be told now; each of it is given once."""
        if self.away and not self._told and (self.lasts_ns >= TOLD_NS or not self.serves_all):
            self._told = True
            return "firing"
        if not self.away and self._told:
            self._told = False
            return "resolved"
        return ""
