"""One circuit breaker: closed, open, half-open and closed again, by the share of errors lately. Instants are monotonic nanoseconds.

It counts in slots of a tenth of its window, so that a call costs two additions and a comparison, whatever the traffic is. The states are
those of Nygard, "Release It!" (2007); the slow return after it closes is Envoy's slow start
(https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/slow_start). It knows no clock, and not what it
guards.
"""

from typing import Final

from orchvynt.decisions.fallback.sights import Sight
from orchvynt.language.snapshot import Breaking

SLOTS: Final = 10
RAMP_NS: Final = 5_000_000_000
"""For how long after it closed only a growing share of those that have another tier come back."""
WHOLE: Final = 10_000
PROBED_ELSEWHERE_NS: Final = 60_000_000_000
"""So long another process's probe is waited for that says nothing more: that process may have died."""


class Probe:
    """One attempt that is watched: what it shows decides for whoever let it through. Identity is all that it has."""

    __slots__ = ()


class Breaker:
    """`calm`: closed, and not just closed; whoever sees it needs to ask nothing else. `until` is when it may be probed, while it is open.
    `opened` counts how often it opened."""

    __slots__ = (
        "_at",
        "_calls",
        "_closed",
        "_credit",
        "_elsewhere_until",
        "_errors",
        "_good",
        "_probe",
        "_slot_ends",
        "breaking",
        "calls",
        "calm",
        "errors",
        "open",
        "opened",
        "until",
    )

    def __init__(self, breaking: Breaking) -> None:
        self.breaking = breaking
        self.calm = True
        self.open = False
        self.until = self.opened = 0
        self._closed = self._credit = self._good = 0
        self._probe: Probe | None = None
        self._elsewhere_until = 0
        self._clear()

    def _clear(self) -> None:
        self._calls, self._errors = [0] * SLOTS, [0] * SLOTS
        self.calls = self.errors = self._at = self._slot_ends = 0

    def adopt(self, breaking: Breaking) -> None:
        """Another policy is in force. What was counted over another window says nothing about this one."""
        if breaking.window_ns != self.breaking.window_ns and not self.open:
            self._clear()
        self.breaking = breaking

    # What comes of attempts.

    def went_well(self, now: int, probe: Probe | None = None) -> None:
        """While it is open only its probes count: whatever else ends now was sent before."""
        if self.open:
            if probe is not None and probe is self._probe:
                self._probe = None
                self._good += 1
                if self._good >= self.breaking.probes:
                    self._close(now)
            return
        if now >= self._slot_ends:
            self._turn(now)
        self._calls[self._at] += 1
        self.calls += 1

    def went_wrong(self, now: int, probe: Probe | None = None) -> None:
        if self.open:
            if probe is not None and probe is self._probe:
                self._trip(now)
            return
        if now >= self._slot_ends:
            self._turn(now)
        self._calls[self._at] += 1
        self._errors[self._at] += 1
        self.calls += 1
        self.errors += 1
        if self.calls >= self.breaking.min_calls and self.errors * WHOLE >= self.breaking.error_rate * self.calls:
            self._trip(now)

    def free(self, probe: Probe) -> None:
        """The probe ended undecided: another one may take its place."""
        if probe is self._probe:
            self._probe = None

    # What other processes say of it. Their own probes and calls decided it.

    def probed_elsewhere(self, now: int) -> None:
        """A probe is under way at another process: nobody passes until that says what came of it, or for a while."""
        self._elsewhere_until = now + PROBED_ELSEWHERE_NS

    def opened_elsewhere(self, now: int, for_ns: int) -> None:
        """It is open for so long, or a probe there was not enough to close it (0)."""
        self._elsewhere_until = 0
        if not self.open:
            self._trip(now)
        self.until = now + for_ns

    def closed_elsewhere(self, now: int) -> None:
        self._elsewhere_until = 0
        if self.open:
            self._close(now)

    def _trip(self, now: int) -> None:
        self.open, self.calm = True, False
        self.until = now + self.breaking.open_for_ns
        self.opened += 1
        self._good = 0
        self._probe = None

    def _close(self, now: int) -> None:
        self.open = False
        self._probe = None
        self.until = 0
        self._closed, self._credit = now, RAMP_NS
        self._clear()

    def _turn(self, now: int) -> None:
        """Drops the slots that the window has left behind."""
        length = max(1, self.breaking.window_ns // SLOTS)
        passed = min(SLOTS, (now - self._slot_ends) // length + 1)
        for _ in range(passed):
            self._at = (self._at + 1) % SLOTS
            self.calls -= self._calls[self._at]
            self.errors -= self._errors[self._at]
            self._calls[self._at] = self._errors[self._at] = 0
        self._slot_ends = now - now % length + length

    # What is asked of it.

    def refuses(self, now: int) -> bool:
        """Whether nobody may pass now: it is open, or its one probe is under way, here or elsewhere."""
        return self.open and (now < self.until or self._probe is not None or now < self._elsewhere_until)

    def begin(self, probe: Probe) -> None:
        """The probe passes; nobody else does until it has ended."""
        assert self._probe is None, "one probe at a time"
        if self.open:
            self._probe = probe

    def holds_back(self, now: int) -> bool:
        """Whether, for a little while after it closed, this one had better go elsewhere: the share of those that pass grows evenly."""
        if self.calm or self.open:
            return False
        elapsed = now - self._closed
        if elapsed >= RAMP_NS:
            self.calm = True
            return False
        self._credit += elapsed
        if self._credit >= RAMP_NS:
            self._credit -= RAMP_NS
            return False
        return True

    def seen(self, now: int) -> Sight:
        if now >= self._slot_ends and not self.open:
            self._turn(now)
        rate = self.errors / self.calls if self.calls else None
        if not self.open:
            return Sight("closed", rate, 0, self.opened)
        return Sight("open", rate, self.until, self.opened) if now < self.until else Sight("half-open", rate, 0, self.opened)
