"""How invocations ended that the journal would not take: kept until it does, so that no hold stays open for good."""

from collections.abc import Callable, Sequence

from orchvynt.lifecycle import events
from orchvynt.lifecycle.endings import finished
from orchvynt.model import facts
from orchvynt.ports.clock import Clock
from orchvynt.ports.journal import Journal, JournalUnavailableError
from orchvynt.runtime.counting import Counting
from orchvynt.runtime.life import Life

ENDS = (facts.AttemptEnded, facts.AttemptSettled, facts.HoldVoided)


class KeptEnds:
    """`release` returns what the holds that ended had reserved."""

    def __init__(self, journal: Journal, clock: Clock, counting: Counting, release: Callable[[Sequence[facts.AnyFact]], None]) -> None:
        self._journal = journal
        self._clock = clock
        self._counting = counting
        self._release = release
        self._kept: list[tuple[Life, list[facts.AnyFact]]] = []

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, life: Life, ends: Sequence[facts.AnyFact]) -> None:
        """One entry for each life: it ends once."""
        if self._kept and self._kept[-1][0] is life:
            self._kept[-1][1].extend(ends)
        else:
            self._kept.append((life, list(ends)))

    def write(self) -> None:
        """Tries again; what still cannot be written goes to the end of the line."""
        for _ in range(len(self._kept)):
            life, ends = self._kept.pop(0)
            whole = [*ends, *finished(life.state, events.ShutDown(self._clock.now(), 0), "interrupted")]
            try:
                self._journal.append(whole)
            except JournalUnavailableError:
                self._counting.not_written()
                self._kept.append((life, ends))
                return
            self._release(self._counting.count(life, whole))
