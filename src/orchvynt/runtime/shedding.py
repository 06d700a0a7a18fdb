"""Asks at the front door whether one more invocation may begin, and beats: how late the loop is, what is open, what is not filed yet.

`decisions.overload` decides; here it is given what the process knows. A beat costs some microseconds, twenty times a second at most; a
request costs one comparison as long as nothing is in the way.
"""

import asyncio
import sys
import traceback
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from orchvynt.decisions.overload.bounds import OPEN_MAX, UNFILED_BYTES_MAX, Backlog, open_bound, unfiled_bound
from orchvynt.decisions.overload.pacing import Pacing
from orchvynt.decisions.overload.queue import CALM_NS, SECOND, Queue
from orchvynt.decisions.overload.quota import RANKS, Priority, Quota
from orchvynt.decisions.overload.refusals import REASONS, Reason, overloaded, seconds
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle.state import PARKED
from orchvynt.model.faults import Fault
from orchvynt.ports.clock import Clock
from orchvynt.runtime import metrics as m
from orchvynt.runtime.life import Life
from orchvynt.runtime.policies import Policies
from orchvynt.runtime.series import Series

LOOK_NS: Final = SECOND // 4
"""Between two looks at the disk and at what is not filed."""
COUNTED_MAX: Final = 512
"""So many lives are counted at each beat, more only at each look."""


class Front(Protocol):
    """The server at whose door it is asked: how many requests are open, and how many have begun since the start, refused ones too."""

    requests_open: int
    requests_total: int

    @property
    def resting(self) -> int:
        """Connections of those who were refused, that are not read."""
        ...

    def wake(self, most: int) -> None:
        """Reads so many of them again, and those whose time is up."""
        ...


class Shed(msgspec.Struct, frozen=True):
    """What is refused now. `since` is in ns UTC, 0 while nothing is; `why` the last reason; `refused` counts since then."""

    since: int = 0
    why: str = ""
    refused: int = 0


class Shedding:
    """`guarded_from`: so many requests may be open before the door has to ask `refuses`. `rest_ns`: so long at most rests the connection
    of who is refused now. `spent` says for how long the loop's thread has computed, in ns."""

    def __init__(
        self,
        lives: dict[str, Life],
        policies: Policies,
        clock: Clock,
        look: Callable[[], Backlog],
        spent: Callable[[], int],
        open_max: int = OPEN_MAX,
        unfiled_max: int = UNFILED_BYTES_MAX,
    ) -> None:
        self.queue = Queue()
        self.quota = Quota()
        self.pacing = Pacing()
        self.backlog = Backlog()
        self.refused = Series(m.SHED)
        for reason in REASONS:
            for priority in RANKS:
                self.refused.add((reason, priority), 0)
        self.shed = Shed()
        self._lives = lives
        self._policies = policies
        self._clock = clock
        self._look = look
        self._spent = spent
        self._spent_before = 0
        self._open_max = open_max
        self._unfiled_max = unfiled_max
        self._parked = 0
        self._known: tuple[Snapshot | None, dict[Priority, int]] = (None, {})
        self._last_refused = 0
        self._looked = -LOOK_NS
        self._beaten = clock.monotonic()
        self._requests = self._open = 0
        # Since the last beat: all refusals, and those of the queue.
        self._turned = 0
        # For so many of those who did not wait as told there is time.
        self._room = 0
        self._for_queue = 0
        # How many were refused for one that was taken, at the last beat.
        self._times = 0
        self.guarded_from = min(self._bounds().values())

    @property
    def rest_ns(self) -> int:
        return self.pacing.rest_ns

    def refuses(self, priority: Priority, impatient: bool = False) -> Fault | None:
        """Why one more may not begin now. `impatient`: it did not wait as long as it was told to, and is let in where there is room."""
        reason = self._in_the_way(priority, impatient)
        if reason is None:
            return None
        self.refused.add((reason, priority))
        self._turned += 1
        self.pacing.refused()
        self._last_refused = self._clock.monotonic()
        shed = self.shed
        if not shed.since:
            sys.stderr.write(f"orchvynt: refusing invocations ({reason}); see `orchvynt status`\n")
        self.shed = Shed(shed.since or self._clock.now(), reason, shed.refused + 1)
        return overloaded(reason, priority, seconds(reason, shed.refused, 1 + self._times, self.rest_ns))

    def _in_the_way(self, priority: Priority, impatient: bool) -> Reason | None:
        if len(self._lives) - self._parked >= self._bounds()[priority]:
            return "open"
        backlog, queue = self.backlog, self.queue
        if backlog.disk_full:
            return "disk"
        if not backlog.stopped and backlog.unfiled_bytes >= unfiled_bound(self._unfiled_max, priority):
            return "filing"
        if queue.since is None:
            return None
        if impatient and priority != "high":
            if self._room > 0:
                self._room -= 1
                return None
        elif self.quota.take(RANKS[priority], queue.window) or queue.takes_crowd():
            return None
        self._for_queue += 1
        return "queue"

    def _bounds(self) -> dict[Priority, int]:
        """How many may be open, by priority, under the policy in force."""
        snapshot, bounds = self._known
        if snapshot is not self._policies.current:
            snapshot = self._policies.current
            known = {key.priority for key in snapshot.keys.values()}
            bounds = {priority: open_bound(self._open_max, priority, known) for priority in RANKS}
            self._known = (snapshot, bounds)
        return bounds

    async def run(self, front: Front) -> None:
        """Beats for as long as the process serves."""
        self._requests, self._beaten, self._spent_before = front.requests_total, self._clock.monotonic(), self._spent()
        while True:
            await asyncio.sleep(self.queue.beat_ns / SECOND)
            try:
                self.beat(front)
            except Exception:  # noqa: BLE001 - a loop top: without it a process would shed for good, or never
                sys.stderr.write(f"orchvynt: the look at the load failed\n{traceback.format_exc()}")

    def beat(self, front: Front) -> None:
        now, spent = self._clock.monotonic(), self._spent()
        elapsed, self._beaten = now - self._beaten, now
        computed, self._spent_before = spent - self._spent_before, spent
        turned, self._turned = self._turned, 0
        for_queue, self._for_queue = self._for_queue, 0
        taken = front.requests_total - self._requests - turned
        self._requests = front.requests_total
        self._times = turned // max(1, taken)
        # Of requests that are no invocations both halves are done at once.
        open_before, self._open = self._open, len(self._lives)
        ended = max(0, taken - (self._open - open_before))
        self.queue.beat(now, elapsed, computed, taken, ended, for_queue)
        self.quota.beat()
        self.pacing.beat(elapsed, taken, front.resting)
        self._room = self.queue.room if self.queue.since is not None else 0 if turned else front.resting
        front.wake(self._room)
        bound, due = min(self._bounds().values()), now - self._looked >= LOOK_NS
        if due:
            self._looked = now
            self.backlog = self._look()
        if due or len(self._lives) <= COUNTED_MAX:
            self._parked = self._count_parked() if len(self._lives) * 2 >= bound else 0
        if self.shed.since and now - self._last_refused >= CALM_NS and not self._is_full():
            sys.stderr.write(f"orchvynt: taking all invocations again; {self.shed.refused} were refused\n")
            self.shed = Shed()
        # Some lives have no caller any more, and are not among the requests that are open.
        self.guarded_from = 0 if self._presses() else max(0, bound - max(0, len(self._lives) - front.requests_open))

    def _presses(self) -> bool:
        return self.queue.since is not None or self._is_full()

    def _is_full(self) -> bool:
        """Something that stays as it is while nobody asks."""
        backlog = self.backlog
        filling = not backlog.stopped and backlog.unfiled_bytes >= unfiled_bound(self._unfiled_max, "low")
        return filling or backlog.disk_full

    def _count_parked(self) -> int:
        """Lives whose callers wait for people: they take up memory, and no work."""
        return sum(life.state.phase in PARKED for life in self._lives.values())
