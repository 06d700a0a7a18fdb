"""Looks once a second at what alerts are about and at what happened to reviews, and tells: alerts by one line on stderr, and both by
messages to their destinations.
"""

import asyncio
import traceback
from collections.abc import Callable
from typing import Final

import msgspec

from orchvynt.decisions.alerts.memory import Memory, decode, encode
from orchvynt.decisions.alerts.spending import Reached, Spending
from orchvynt.decisions.alerts.tallies import Tallies
from orchvynt.decisions.alerts.watching import Look, Told, Watch
from orchvynt.decisions.budgets.thresholds import Thresholds
from orchvynt.ports.clock import Clock
from orchvynt.ports.store import Store, StoreUnavailableError
from orchvynt.runtime import glass_notices, spending_notices
from orchvynt.runtime import metrics as m
from orchvynt.runtime.control import AlertLine, Applied
from orchvynt.runtime.delivering import Delivering
from orchvynt.runtime.metrics import Sampled, Values
from orchvynt.runtime.notices import body, sentence
from orchvynt.runtime.policies import Policies
from orchvynt.runtime.series import Series, bounded
from orchvynt.runtime.telling import Telling

TICK_S: Final = 1.0


class Alerting:
    """The alerts of one process. What it told and did not deliver is in the store, at the latest a second later; what it counts is not."""

    def __init__(
        self, policies: Policies, store: Store, clock: Clock, tallies: Tallies, spending: Spending, thresholds: Thresholds,
        delivering: Delivering, telling: Telling, say: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.delivering = delivering
        self.telling = telling
        self._store = store
        self._told = 0
        self._kept = (0, 0)
        self._store_away = False
        self._policies = policies
        self._clock = clock
        self._watch = Watch(tallies)
        self._spending = spending
        self._thresholds = thresholds
        self._say = say
        self._failures = Series(m.ALERT_FAILURES)
        self._failing: set[str] = set()

    async def run(self) -> None:
        await self.recall()
        while True:
            await asyncio.sleep(TICK_S)
            try:
                await self.tick()
            except Exception:  # noqa: BLE001 - a loop top: a defect at one look must not end the looking
                self._say(f"the look at alerts failed\n{traceback.format_exc()}")

    async def recall(self) -> None:
        """What an earlier process told and did not deliver. Where that cannot be had, what holds is told anew."""
        try:
            stored = await self._store.alerting()
            memory = decode(stored) if stored is not None else Memory()
        except (StoreUnavailableError, msgspec.DecodeError) as error:
            self._say(f"what was told of alerts before this start cannot be read, so it may be told again: {error}")
            return
        at, mono = self._clock.now(), self._clock.monotonic()
        self._watch.recall(memory.told, at, mono)
        for one in memory.undelivered:
            # Of a build that kept messages with what was told.
            self.delivering.take_over(one)
        self._thresholds.recall(memory.thresholds)
        self._spending.recall(memory.thresholds, memory.passed, mono)
        self._kept = self._changes()

    async def _keep(self) -> None:
        """Written when something changed, after the messages about it. A store that is away is tried again at the next look."""
        now = self._changes()
        try:
            await self.delivering.recall()
            await self.delivering.keep()
        except StoreUnavailableError as error:
            self._note_store_away(error)
            return
        if now == self._kept:
            self._store_away = False
            return
        at, mono = self._clock.now(), self._clock.monotonic()
        memory = Memory(
            told=tuple(self._watch.remembered(at, mono)),
            thresholds=tuple(self._spending.standing()),
            passed=tuple(self._spending.pending()),
        )
        try:
            await self._store.keep_alerting(encode(memory))
        except StoreUnavailableError as error:
            self._note_store_away(error)
            return
        self._kept, self._store_away = now, False

    async def _tell_reviews(self) -> None:
        try:
            await self.telling.tick()
        except StoreUnavailableError as error:
            self._note_store_away(error)

    def _note_store_away(self, error: StoreUnavailableError) -> None:
        if not self._store_away:
            self._say(f"what is told of alerts and reviews cannot be stored, so a restart may tell it again: {error}")
        self._store_away = True

    def _changes(self) -> tuple[int, int]:
        return self._told, self._spending.changes

    async def tick(self) -> None:
        """One look. Others have their turn between two alerts."""
        at, mono = self._clock.now(), self._clock.monotonic()
        for told in self._watch.adopt(self._policies.current, mono):
            self._tell(told, at)
        for look in self._watch.looks(at, mono):
            for told in look.told:
                self._tell(told, at)
            self._note_failure(look)
            await asyncio.sleep(0)
        for reached in self._spending.take(at, mono):
            self._tell_reached(reached, at)
        await self._keep()
        await self._tell_reviews()
        self.delivering.sweep()

    def _tell(self, told: Told, at: int) -> None:
        self._told += 1
        status = told.notice.status
        if not told.notice.repeated:
            self._say(f"alert {status}: {sentence(told)}")
        snapshot = self._policies.current
        written = body(told, snapshot.version, at)
        line = f"{told.watched.name} {told.notice.members[0].key[1]}" if told.watched.when is None else told.watched.name
        for name in told.watched.notify:
            if name in snapshot.destinations:
                self.delivering.put(name, line, written)

    def broke_glass(self, done: Applied) -> None:
        """Everybody is told, whom the policy knows a way to."""
        self._say(f"alert firing: {glass_notices.sentence(done)}")
        written = glass_notices.body(done)
        for name in self._policies.current.destinations:
            self.delivering.put(name, glass_notices.ALERT, written)

    def _tell_reached(self, reached: Reached, at: int) -> None:
        self._say(f"alert firing: {spending_notices.sentence(reached)}")
        snapshot = self._policies.current
        written = spending_notices.body(reached, snapshot.version, at)
        for name in spending_notices.told(snapshot, reached.budget):
            self.delivering.put(name, spending_notices.alert_name(reached.budget), written)

    def _note_failure(self, look: Look) -> None:
        """Counted each time, said once until it works again."""
        if not look.failure:
            self._failing.discard(look.name)
            return
        self._failures.add((look.name,))
        if look.name not in self._failing:
            self._failing.add(look.name)
            self._say(f"alert {look.name} cannot be evaluated, so it does not fire: {look.failure}")

    def lines(self) -> list[AlertLine]:
        """What stands now, the longest standing first."""
        found = []
        for standing in self._watch.standing():
            watched, member = standing.watched, standing.member
            rate = member.figures.activation_rate if watched.when is not None else None
            line = AlertLine(
                watched.name, watched.condition, watched.window_ns, member.phase, *member.key, rate, member.figures.calls,
                member.since, member.last, watched.notify,
            )  # fmt: skip
            found.append(line)
        snapshot = self._policies.current
        found += [known for one in self._spending.standing() if (known := spending_notices.alert_line(snapshot, one)) is not None]
        return sorted(found, key=lambda line: (line.since, line.alert, line.chain, line.provider, line.subject))

    def sampled(self) -> list[Sampled]:
        """The metrics about alerts."""
        budgets = [spending_notices.alert_name(budget.name) for budget in self._policies.current.budgets if budget.alert_at]
        firing: dict[Values, int] = {(name,): 0 for name in (*self._watch.names, *budgets)}
        for line in self.lines():
            firing[line.alert,] += line.phase != "resolving"
        return [bounded(m.ALERTS_FIRING, firing), self._failures.sampled(), *self.delivering.sampled()]
