"""Five times what a process can do, in virtual time: its event loop, turn by turn, over connections that are used by callers of whom nobody
waits as told. What a beginning, an end and a refusal cost is given; how many are answered within a second is found.
"""

import heapq
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.support.carrying import Runtime
from tests.support.snapshots import snapshot

from orchvynt.decisions.overload.bounds import Backlog
from orchvynt.decisions.overload.queue import SECOND, SELDOM_NS
from orchvynt.runtime.shedding import Shedding

US = 1_000
PATIENCE_NS = SECOND
REFUSAL_NS = 45 * US


@dataclass
class Process:
    """One event loop in virtual time. An invocation costs `cost`, half when it comes and half when its answer does, and a refusal a share
    of that. Requests are due at even distances; what is due while no connection is free is not sent."""

    connections: int
    cost: int
    refusal: int
    latency: int = 1_000 * US
    lives: dict[str, Any] = field(default_factory=dict)
    requests_total: int = 0
    requests_open: int = 0
    good: int = 0
    late: int = 0
    refused: int = 0
    now: int = 0
    spent: int = 0

    def __post_init__(self) -> None:
        runtime = Runtime(snapshot())
        self.clock = runtime.clock
        self.shedding = Shedding(self.lives, runtime.policies, self.clock, Backlog, lambda: self.spent, open_max=1_000_000)
        # Free ones on the caller's side, the last used first; what the kernel holds, with when it was sent; who rests, until when at most.
        self.free = list(range(self.connections))
        self.unread: dict[int, int] = {}
        self.rests: list[tuple[int, int]] = []
        self.woken: set[int] = set()
        self.answers: list[tuple[int, int, int]] = []
        self.due = 0
        self.beat_due = SELDOM_NS

    def pass_by(self, nanos: int) -> None:
        self.now += nanos
        self.clock.advance(nanos)

    def compute(self, nanos: int) -> None:
        self.spent += nanos
        self.pass_by(nanos)

    @property
    def resting(self) -> int:
        return len(self.rests)

    def wake(self, most: int) -> None:
        woken = 0
        while self.rests and (woken < most or self.rests[0][0] <= self.now):
            self.woken.add(heapq.heappop(self.rests)[1])
            woken += 1

    def send(self, per_second: int) -> None:
        """What callers did until now."""
        while self.due * SECOND // per_second <= self.now:
            if self.free:
                self.unread[self.free.pop()] = self.due * SECOND // per_second
            self.due += 1

    def turn(self, per_second: int) -> None:
        self.send(per_second)
        self.woken.clear()
        if self.now >= self.beat_due:
            self.shedding.beat(self)
            self.beat_due = self.now + self.shedding.queue.beat_ns
        rests = {connection for _, connection in self.rests}
        ready = [one for one in self.unread if one not in rests]
        for connection in ready:
            self.take(connection, self.unread.pop(connection), connection in self.woken)
        while self.answers and self.answers[0][0] <= self.now:
            _, connection, sent = heapq.heappop(self.answers)
            self.compute(self.cost // 2)
            del self.lives[str(connection)]
            self.requests_open -= 1
            self.good += self.now - sent <= PATIENCE_NS
            self.late += self.now - sent > PATIENCE_NS
            self.free.append(connection)
        if not ready:
            following = [self.due * SECOND // per_second, self.beat_due, *(one[0] for one in self.answers[:1])]
            self.pass_by(max(1, min(following) - self.now))

    def take(self, connection: int, sent: int, late: bool) -> None:
        self.requests_total += 1
        shedding = self.shedding
        if self.requests_open >= shedding.guarded_from and shedding.refuses("normal", late) is not None:
            self.compute(self.refusal)
            self.refused += 1
            heapq.heappush(self.rests, (self.now + shedding.rest_ns, connection))
            self.free.append(connection)
            return
        self.compute(self.cost // 2)
        self.requests_open += 1
        self.lives[str(connection)] = None
        heapq.heappush(self.answers, (self.now + self.latency, connection, sent))

    def run(self, per_second: int, seconds: float) -> float:
        """How many were answered well, a second."""
        good, began = self.good, self.now
        while self.now - began < seconds * SECOND:
            self.turn(per_second)
        return (self.good - good) * SECOND / (self.now - began)


@pytest.mark.parametrize(("connections", "latency_ms", "cost_us"), [(300, 1, 150), (9_000, 1, 150), (4_000, 1, 600), (6_000, 300, 600)])
def test_nine_tenths_of_the_peak_are_answered_within_a_second(connections: int, latency_ms: int, cost_us: int) -> None:
    process = Process(connections, cost_us * US, REFUSAL_NS, latency_ms * 1_000 * US)
    peak = 1_000_000 // cost_us
    process.run(5 * peak, 5)
    share = process.run(5 * peak, 3) / peak
    assert share >= 0.9


def test_when_it_is_over_all_are_let_in_soon() -> None:
    process = Process(4_000, 150 * US, REFUSAL_NS)
    process.run(30_000, 5)
    assert process.rests
    process.run(1_000, 4)
    refused, late = process.refused, process.late
    process.run(1_000, 4)
    assert (process.refused, process.late, len(process.rests)) == (refused, late, 0)
    assert process.shedding.guarded_from > 0
