"""One turn of the event loop: what its invocations have to record is written together, then each goes on. It decides nothing.

With 64 callers about 25 invocations move in one turn, so that a write, or with `journal.sync: power` an fdatasync, serves them all.
"""

from collections.abc import Callable, Sequence

from orchvynt.lifecycle.commands import AnyCommand
from orchvynt.model.facts import AnyFact
from orchvynt.ports.journal import Journal, JournalUnavailableError
from orchvynt.runtime.life import Life


class GroupWrite:
    """`soon` runs something at the end of the turn. `go_on` takes a life and what of it is in the journal since."""

    def __init__(
        self,
        journal: Journal,
        soon: Callable[[Callable[[], None]], object],
        go_on: Callable[[Life, Sequence[AnyFact]], None],
    ) -> None:
        self.journal = journal
        self._soon = soon
        self._go_on = go_on
        self._waiting: list[Life] = []

    def wait(self, life: Life, following: list[AnyCommand]) -> None:
        """The facts of this life are written at the end of the turn; what follows them waits for that."""
        life.following = following
        self._waiting.append(life)
        if len(self._waiting) == 1:
            self._soon(self._end)

    def _end(self) -> None:
        waiting, self._waiting = self._waiting, []
        records = [life.unwritten for life in waiting if life.unwritten]
        if len(records) < 2 or not self._write(records):
            for life in waiting:
                self._go_on(life, ())
            return
        # INVARIANT: all are marked before the first goes on: a hold that it ends lets others go on, who may be among them.
        noted = [life.unwritten for life in waiting]
        for life in waiting:
            life.unwritten = []
        for life, facts in zip(waiting, noted, strict=True):
            self._go_on(life, facts)

    def _write(self, records: list[list[AnyFact]]) -> bool:
        """False if nothing was written: then each life tries by itself, and fails by itself."""
        try:
            self.journal.append_all(records)
        except JournalUnavailableError:
            return False
        return True
