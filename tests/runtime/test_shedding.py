"""What the process knows of its load, given to the decisions: what is open, what is not filed, how late the loop is; and what it says."""

from dataclasses import dataclass, field

import msgspec
import pytest
from tests.support.answers import WHOLE
from tests.support.carrying import Runtime
from tests.support.snapshots import invocation, snapshot

from orchvynt.decisions.overload.bounds import MIB, Backlog
from orchvynt.decisions.overload.pacing import REST_MIN_NS
from orchvynt.decisions.overload.queue import BEAT_NS, CALM_NS, CROWD, LATE_NS, SECOND, STANDS_NS, TURN_NS
from orchvynt.decisions.overload.refusals import SPREAD_MAX
from orchvynt.language.snapshot import Gate, Key, Snapshot
from orchvynt.runtime.shedding import Shed, Shedding

KEYS = {key.name: key for key in (Key("batch", priority="low"), Key("agents"), Key("people", priority="high"))}


@dataclass
class Front:
    """Implements runtime.shedding.Front."""

    requests_open: int = 0
    requests_total: int = 0
    resting: int = 0
    woken: list[int] = field(default_factory=list)

    def wake(self, most: int) -> None:
        self.woken.append(most)


def keyed(gates: tuple[Gate, ...] = ()) -> Snapshot:
    return msgspec.structs.replace(snapshot(gates=gates), keys=KEYS)


def shedding(runtime: Runtime, open_max: int = 10) -> Shedding:
    return Shedding(runtime.carrier.lives, runtime.policies, runtime.clock, lambda: runtime.backlog, runtime.clock.monotonic, open_max)


def ask(runtime: Runtime, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        runtime.ask(msgspec.structs.replace(invocation(), id=f"inv_{number}"))


def beats(runtime: Runtime, one: Shedding, front: Front, count: int, elapsed: int = BEAT_NS, came: int = 0) -> None:
    for _ in range(count):
        front.requests_total += came
        runtime.clock.advance(elapsed)
        one.beat(front)


def test_so_many_may_be_open_by_priority() -> None:
    runtime = Runtime(keyed())
    one = shedding(runtime)
    assert one.guarded_from == 7, "below the lowest bound nobody has to ask"
    ask(runtime, 7)
    assert one.refuses("low") is not None
    assert one.refuses("normal") is None
    ask(runtime, 2, 7)
    fault = one.refuses("normal")
    assert fault is not None
    assert fault.detail == {"reason": "open", "priority": "normal"}
    assert one.refuses("high") is None
    ask(runtime, 1, 9)
    assert one.refuses("high") is not None
    runtime.upstream.arrivals[0].answers(WHOLE)
    assert one.refuses("high") is None
    assert one.refused.numbers[("open", "low")] == 1
    assert one.refused.numbers[("open", "high")] == 1
    assert one.refused.numbers[("queue", "high")] == 0, "what may be alerted on begins at 0"


def test_lives_without_callers_are_counted_too() -> None:
    runtime = Runtime(keyed())
    one, front = shedding(runtime), Front()
    ask(runtime, 5)
    beats(runtime, one, front, 1)
    assert one.guarded_from == 2, "five of the seven are open, and none of them is a request that is open"
    front.requests_open = 5
    beats(runtime, one, front, 1)
    assert one.guarded_from == 7


def test_who_waits_for_people_does_not_count() -> None:
    runtime = Runtime(keyed((Gate("g", "output", None, "people", False, None),)))
    one, front = shedding(runtime, open_max=4), Front()
    ask(runtime, 4)
    for arrival in list(runtime.upstream.arrivals):
        arrival.answers(WHOLE)
    assert len(runtime.carrier.lives) == 4
    assert one.refuses("high") is not None, "not yet known"
    beats(runtime, one, front, 1)
    assert one.refuses("high") is None


@pytest.mark.parametrize(
    ("unfiled", "refused"),
    [(100, []), (128, ["low"]), (256, ["low", "normal"]), (511, ["low", "normal"]), (512, ["low", "normal", "high"])],
)
def test_filing_that_falls_behind_refuses_by_priority(unfiled: int, refused: list[str]) -> None:
    runtime = Runtime(keyed())
    one = shedding(runtime)
    runtime.backlog = Backlog(unfiled * MIB)
    beats(runtime, one, Front(), 1)
    faults = {priority: one.refuses(priority) for priority in ("low", "normal", "high")}
    assert [priority for priority, fault in faults.items() if fault is not None] == refused
    assert {fault.detail["reason"] for fault in faults.values() if fault is not None} <= {"filing"}
    assert (one.guarded_from == 0) == bool(refused)


def test_while_the_store_is_away_the_policys_outage_decides_and_not_the_backlog() -> None:
    runtime = Runtime(keyed())
    one = shedding(runtime)
    runtime.backlog = Backlog(10_000 * MIB, stopped=True)
    beats(runtime, one, Front(), 1)
    assert one.refuses("low") is None
    runtime.backlog = Backlog(0, True, free_bytes=MIB, disk_bytes=100_000 * MIB)
    beats(runtime, one, Front(), 20)
    fault = one.refuses("high")
    assert fault is not None
    assert fault.detail["reason"] == "disk", "what is under way needs the room that is left"


def test_while_the_queue_stands_a_window_of_requests_is_let_in_between_two_beats() -> None:
    runtime = Runtime(keyed())
    one, front = shedding(runtime, open_max=100_000), Front()
    late = 2 * LATE_NS
    came = 100 * late // TURN_NS
    beats(runtime, one, front, STANDS_NS // late + 2, late, came)
    assert one.guarded_from == 0
    window = one.queue.window
    assert 98 <= window <= 100
    assert all(one.refuses("normal") is None for _ in range(window + CROWD)), "a thousand beside the window may come at once"
    assert one.refuses("normal") is not None
    front.resting = 5_000
    beats(runtime, one, front, 1, late, came)
    window = one.queue.window
    assert front.woken[-1] == 0, "there is time for nobody else"
    asked = [one.refuses("normal") for _ in range(5_000)]
    assert [fault is None for fault in asked] == [True] * window + [False] * (5_000 - window)
    refused = asked[-1]
    assert refused is not None
    assert refused.detail == {"reason": "queue", "priority": "normal"}
    assert one.refuses("high") is None
    assert one.refuses("normal", impatient=True) is not None
    assert one.shed.refused == 5_002 - window
    assert one.shed.since == runtime.clock.now() - late
    front.requests_total += 5_002  # one of high priority, one impatient
    beats(runtime, one, front, 1, TURN_NS)
    spread = {fault.retry_after_seconds or 0 for fault in [one.refuses("normal") for _ in range(5_000)] if fault is not None}
    assert len(spread) >= SPREAD_MAX, "many come for one that is let in, and they do not come back together"
    assert one.rest_ns > REST_MIN_NS, "so much refusing is paced"
    assert min(spread) * SECOND >= one.rest_ns - SECOND, "nobody is told to come back before it is read"


def test_who_did_not_wait_is_let_in_as_far_as_there_is_room() -> None:
    runtime = Runtime(keyed())
    one, front = shedding(runtime, open_max=100_000), Front(resting=5_000)
    beats(runtime, one, front, 2, 2 * LATE_NS + STANDS_NS, came=4_000)
    assert one.guarded_from == 0
    computed = runtime.clock.monotonic()
    one = Shedding(runtime.carrier.lives, runtime.policies, runtime.clock, lambda: runtime.backlog, lambda: computed)
    beats(runtime, one, front, 2, 2 * LATE_NS + STANDS_NS, came=4_000)
    assert one.refuses("normal", impatient=True) is not None
    for _ in range(60):
        beats(runtime, one, front, 1, BEAT_NS)
        one.refuses("normal", impatient=True)
        front.requests_total += 1
    room = front.woken[-1]
    assert room > 0
    beats(runtime, one, front, 1, BEAT_NS)
    let_in = [one.refuses("normal", impatient=True) is None for _ in range(2 * room + 100)]
    assert room <= sum(let_in) <= room + room // 10 + 1
    assert let_in == sorted(let_in, reverse=True)


def test_when_nothing_is_in_the_way_any_more_all_who_rest_are_read() -> None:
    runtime = Runtime(keyed())
    one, front = shedding(runtime, open_max=1), Front(resting=7)
    ask(runtime, 1)
    assert one.refuses("high") is not None
    front.requests_total += 1
    beats(runtime, one, front, 1)
    assert front.woken == [0]
    beats(runtime, one, front, 1)
    assert front.woken == [0, 7]


def test_it_says_when_it_is_over(capsys: pytest.CaptureFixture[str]) -> None:
    runtime = Runtime(keyed())
    one, front = shedding(runtime, open_max=1), Front()
    ask(runtime, 1)
    for _ in range(3):
        assert one.refuses("high") is not None
    assert one.shed == Shed(runtime.clock.now(), "open", 3)
    beats(runtime, one, front, 1, CALM_NS // 2)
    assert one.shed.refused == 3
    beats(runtime, one, front, 1, CALM_NS)
    assert one.shed == Shed()
    said = capsys.readouterr().err
    assert said.count("refusing invocations (open)") == 1
    assert said.count("3 were refused") == 1


def test_it_is_not_over_while_nobody_asks(capsys: pytest.CaptureFixture[str]) -> None:
    """A disk is as full as it was, whether anybody came in the meantime or not."""
    runtime = Runtime(keyed())
    one, front = shedding(runtime), Front()
    runtime.backlog = Backlog(free_bytes=MIB, disk_bytes=100_000 * MIB)
    beats(runtime, one, front, 20)
    assert one.refuses("high") is not None
    beats(runtime, one, front, 3, CALM_NS)
    assert one.refuses("high") is not None
    assert one.shed.refused == 2
    runtime.backlog = Backlog()
    beats(runtime, one, front, 2, CALM_NS)
    assert one.shed == Shed()
    said = capsys.readouterr().err
    assert said.count("refusing invocations (disk)") == said.count("2 were refused") == 1


def test_a_new_policy_has_its_own_priorities() -> None:
    runtime = Runtime(snapshot())
    one = shedding(runtime)
    assert one.guarded_from == 10
    runtime.policies.put_in_force(keyed(), runtime.policies.row)
    beats(runtime, one, Front(), 1)
    assert one.guarded_from == 7
