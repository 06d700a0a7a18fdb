"""One turn of the event loop: first steps are taken one after the other, then those that answers lead to; what is to be recorded is
written together; then each invocation goes on. It decides nothing.

With 64 callers about 25 invocations move in one turn. A write, or with `journal.sync: power` an fdatasync, serves them all; and code that
runs for one after the other stays in the processor's caches, which alone saves a sixth of the time (bench/).
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
        self._due = False
        self._begun: list[Life] = []
        self._answered: list[Life] = []
        self._waiting: list[Life] = []

    def begins(self, life: Life, take: Callable[[], object]) -> None:
        """The first step of this life is taken at the end of the turn."""
        self._later(self._begun, life, take)

    def answers(self, life: Life, take: Callable[[], object]) -> None:
        """The step that its answer leads to is taken at the end of the turn, after all first steps."""
        self._later(self._answered, life, take)

    def _later(self, those: list[Life], life: Life, take: Callable[[], object]) -> None:
        life.ahead = take
        those.append(life)
        if not self._due:
            self._come_due()

    def wait(self, life: Life, following: list[AnyCommand]) -> None:
        """The facts of this life are written at the end of the turn; what follows them waits for that."""
        life.following = following
        self._waiting.append(life)
        if not self._due:
            self._come_due()

    def _come_due(self) -> None:
        self._due = True
        self._soon(self._end)

    def _end(self) -> None:
        moved, self._begun, self._answered = (*self._begun, *self._answered), [], []
        try:
            for life in moved:
                life.take_ahead()
        finally:
            # Whatever came for a life meanwhile, or went wrong here, the next turn has its end.
            self._due = False
            if self._begun or self._answered:
                self._come_due()
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
