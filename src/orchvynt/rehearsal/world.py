"""One world: virtual time, the policy's providers, and a machine of production code that assembly puts on top of them.

A world begins with nothing: no spend, no rests, no reviews. Whoever comes into it is a coroutine.
"""

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Sequence
from typing import Final, TypeVar

from orchvynt.language.snapshot import SecretRef, Snapshot
from orchvynt.model.facts import AnyFact, AttemptSent
from orchvynt.ports.journal import Journal
from orchvynt.rehearsal.ids import SeededIds
from orchvynt.rehearsal.providers import ScriptedProviders
from orchvynt.rehearsal.virtual_time import NANOS, VirtualClock, VirtualLoop
from orchvynt.runtime.sweeping import TICK_S, Sweeping
from orchvynt.scripted.script import Script

Result = TypeVar("Result")
TICK_NS: Final = round(TICK_S * NANOS)
LOOK_AT_LEAST_NS: Final = NANOS


class World:
    """What stands in the place of the real one. `snapshot` says where providers listen, `script` what they do, `at` when it begins."""

    def __init__(self, snapshot: Snapshot, script: Script, at: int) -> None:
        self.clock = VirtualClock(at)
        self.ids = SeededIds()
        # Nothing is encrypted here, so none of the system's authorities is read.
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._sent: dict[str, AttemptSent] = {}
        self.providers = ScriptedProviders(snapshot, script, self.clock.now, lambda attempt: self._sent[attempt])
        self._told: Callable[[AnyFact], None] | None = None

    def run(self, life: Callable[["World"], Coroutine[None, None, Result]]) -> Result:
        """Everything that happens in this world, from its beginning to its end."""
        with asyncio.Runner(loop_factory=lambda: VirtualLoop(self.clock, self.providers)) as runner:
            return runner.run(life(self))

    def journal(self, journal: Journal) -> "WatchedJournal":
        """The journal of this world: what is written into it is seen by who listens."""
        return WatchedJournal(journal, self._noted)

    def listen(self, told: Callable[[AnyFact], None]) -> None:
        """From now on every fact is told, after it was written."""
        self._told = told

    def _noted(self, fact: AnyFact) -> None:
        if isinstance(fact, AttemptSent):
            self._sent[fact.attempt] = fact
        if self._told is not None:
            self._told(fact)

    def sweep_with(self, sweeping: Sweeping) -> None:
        """Ticks where the production sweep would, but leaves out those at which nothing can be due."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        lives = sweeping.carrier.lives

        def next_look() -> int:
            now = self.clock.monotonic()
            due = min((life.due for life in lives.values()), default=now + LOOK_AT_LEAST_NS)
            # Whatever has no timer of a life (rests, escalations, who waits for a hold) is looked at once a second.
            latest = (now // LOOK_AT_LEAST_NS + 1) * LOOK_AT_LEAST_NS
            return min(max(-(-due // TICK_NS), now // TICK_NS + 1) * TICK_NS, latest)

        loop.watch(next_look, lambda: sweeping.tick(self.clock.monotonic() // TICK_NS))


class NoSecrets:
    """Implements ports.secrets.Secrets: every reference resolves to a word that is none."""

    def forget(self, ref: SecretRef) -> None:
        """There is nothing to read anew."""

    def resolve(self, ref: SecretRef) -> str:  # noqa: ARG002 - the port
        return "rehearsal"


class WatchedJournal:
    """Implements ports.journal.Journal over another one."""

    def __init__(self, journal: Journal, noted: Callable[[AnyFact], None]) -> None:
        self._journal = journal
        self._noted = noted

    def append(self, facts: Sequence[AnyFact]) -> None:
        self.append_all((facts,))

    def append_all(self, records: Sequence[Sequence[AnyFact]]) -> None:
        self._journal.append_all(records)
        for facts in records:
            for fact in facts:
                self._noted(fact)
