"""Rate limits of several processes: the buckets that they share say the same as those of one process would."""

from hypothesis import given
from hypothesis import strategies as st

from orchvynt.decisions.limits.application import Applied
from orchvynt.decisions.limits.charging import Need, Over
from orchvynt.decisions.limits.joint_bucket import SharedBucket
from orchvynt.decisions.limits.limiter import Limiter, Ticket
from orchvynt.decisions.limits.turns import BucketKey, Correction, Entered, Entering, RateTurn, decided
from orchvynt.language.snapshot import RateLimit

SECOND = 1_000_000_000
PROCESSES = ("a", "b", "c")


class Together:
    """Some processes and a store, as simple as they can be: each call is a turn."""

    def __init__(self) -> None:
        self.buckets: dict[BucketKey, SharedBucket] = {}
        self.running: dict[BucketKey, dict[str, int]] = {}

    def turn(self, process: str, now: int, entering: tuple[Entering, ...] = (), corrections: tuple[Correction, ...] = ()) -> list[object]:
        asked = RateTurn(entering, corrections)
        asked = RateTurn(entering, corrections, {key: self.running.get(key, {}).get(process, 0) for key in asked.buckets()})
        buckets = {}
        for key in asked.buckets():
            buckets[key] = self.buckets.setdefault(key, SharedBucket(None, now))
            buckets[key].running = sum(number for name, number in self.running.get(key, {}).items() if name != process)
        answers = decided(asked, buckets, now)
        for key, bucket in buckets.items():
            self.running.setdefault(key, {})[process] = bucket.mine
        return list(answers)

    def leaves(self, process: str, limit: RateLimit, now: int, correction: Correction) -> None:
        self.running[limit.name, correction.subject][process] -= 1
        self.turn(process, now, corrections=(correction,))


@given(
    st.integers(1, 4) | st.none(),
    st.integers(1, 200) | st.none(),
    st.integers(1, 4) | st.none(),
    st.lists(
        st.tuples(st.sampled_from(PROCESSES), st.integers(0, 40 * SECOND), st.integers(0, 60), st.integers(0, 90), st.booleans()),
        max_size=25,
    ),
)
def test_any_number_of_processes_decides_as_one_would(
    calls: int | None, tokens: int | None, concurrent: int | None, moves: list[tuple[str, int, int, int, bool]]
) -> None:
    limit = RateLimit("r", "agent", None, 60 * SECOND, calls, tokens, concurrent)
    alone, together, now = Limiter(), Together(), SECOND
    applied = (Applied(limit, "s"),)
    open_: list[tuple[str, Ticket, int, int, int]] = []
    for process, later, estimate, used, enters in moves:
        now += later
        if enters:
            one = alone.enter(applied, Need(estimate), now)
            (other,) = together.turn(process, now, (Entering(applied, Need(estimate)),))
            assert isinstance(one, Over) == isinstance(other, Over)
            if isinstance(other, Over):
                assert isinstance(one, Over)
                assert (other.unit, other.remaining, other.wait_ns, other.gauges) == (one.unit, one.remaining, one.wait_ns, one.gauges)
            else:
                assert isinstance(one, Ticket)
                assert isinstance(other, Entered)
                ((charged, bucket),) = other.parts
                open_.append((process, one, charged, bucket.tokens, now))
        elif open_:
            who, ticket, charged, level, at = open_.pop(0)
            alone.use(ticket, used, now)
            alone.leave(ticket, now)
            debt, credit = max(0, used - charged), max(0, charged - used)
            together.leaves(who, limit, now, Correction(limit, "s", debt if tokens else 0, credit, level, at))
        shared = together.buckets.get(("r", "s"))
        stands = {subject: (b.calls, b.tokens, b.running) for _, subject, b in alone.standing([limit], now)}
        if shared is not None and "s" in stands:
            shared.leak_now(now)
            assert (shared.calls, shared.tokens, sum(together.running["r", "s"].values())) == stands["s"]


def test_a_process_whose_clock_is_behind_turns_nothing_back() -> None:
    limit, together = RateLimit("r", "agent", None, 60 * SECOND, 1), Together()
    entering = (Entering((Applied(limit, "s"),), Need(0)),)
    assert isinstance(together.turn("a", 100 * SECOND, entering)[0], Entered)
    assert isinstance(together.turn("b", 50 * SECOND, entering)[0], Over)
    assert isinstance(together.turn("b", 159 * SECOND, entering)[0], Over)
    assert isinstance(together.turn("b", 160 * SECOND, entering)[0], Entered)
