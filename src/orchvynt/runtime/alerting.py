"""Looks once a second at what alerts are about, and tells: one line on stderr, and a message to each destination."""

import asyncio
import traceback
from collections.abc import Callable
from typing import Final

from orchvynt.decisions.alerts.tallies import Tallies
from orchvynt.decisions.alerts.watching import Look, Told, Watch
from orchvynt.ports.clock import Clock
from orchvynt.runtime import metrics as m
from orchvynt.runtime.control import AlertLine
from orchvynt.runtime.delivering import Delivering
from orchvynt.runtime.notices import body, sentence
from orchvynt.runtime.policies import Policies
from orchvynt.runtime.series import Sampled, Series, Values, bounded

TICK_S: Final = 1.0


class Alerting:
    """The alerts of one process. They know what it saw since its start, and nothing of an earlier one."""

    def __init__(self, policies: Policies, clock: Clock, tallies: Tallies, delivering: Delivering, say: Callable[[str], None]) -> None:
        self.delivering = delivering
        self._policies = policies
        self._clock = clock
        self._watch = Watch(tallies)
        self._say = say
        self._failures = Series(m.ALERT_FAILURES)
        self._failing: set[str] = set()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            try:
                await self.tick()
            except Exception:  # noqa: BLE001 - a loop top: a defect at one look must not end the looking
                self._say(f"the look at alerts failed\n{traceback.format_exc()}")

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
        self.delivering.sweep()

    def _tell(self, told: Told, at: int) -> None:
        status = told.notice.status
        if not told.notice.repeated:
            self._say(f"alert {status}: {sentence(told)}")
        snapshot = self._policies.current
        written = body(told, snapshot.version, at)
        line = f"{told.watched.name} {told.notice.members[0].key[1]}" if told.watched.when is None else told.watched.name
        for name in told.watched.notify:
            if name in snapshot.destinations:
                self.delivering.put(name, line, written)

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
        return sorted(found, key=lambda line: (line.since, line.alert, line.chain, line.provider))

    def sampled(self) -> list[Sampled]:
        """The metrics about alerts."""
        firing: dict[Values, int] = {(name,): 0 for name in self._watch.names}
        for line in self.lines():
            firing[line.alert,] += line.phase != "resolving"
        waiting: dict[Values, int] = {(name,): 0 for name in self._policies.current.destinations}
        waiting |= {(name,): count for name, count in self.delivering.outbox.waiting().items()}
        counted = [self._failures.sampled(), self.delivering.sends.sampled()]
        return [bounded(m.ALERTS_FIRING, firing), bounded(m.ALERTS_WAITING, waiting), *counted]
