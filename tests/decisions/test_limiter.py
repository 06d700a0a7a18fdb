"""Who may come in under several rate limits: all or none, tokens estimated and corrected once, and what runs counted exactly."""

from collections.abc import Sequence

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from orchvynt.decisions.limits.application import Applied
from orchvynt.decisions.limits.charging import CONCURRENT_WAIT_NS, Need, Over
from orchvynt.decisions.limits.limiter import Limiter, Ticket
from orchvynt.language.snapshot import RateLimit
from orchvynt.model.rates import Gauge, Gauges

SECOND = 1_000_000_000
MINUTE = 60 * SECOND


def limit(name: str = "r", invocations: int | None = None, tokens: int | None = None, concurrent: int | None = None) -> RateLimit:
    return RateLimit(name, "agent", None, MINUTE, invocations, tokens, concurrent)


def under(*limits: RateLimit, subject: str = "a") -> list[Applied]:
    return [Applied(one, subject) for one in limits]


def let_in(limiter: Limiter, applied: Sequence[Applied], need: Need, now: int = 0) -> Ticket:
    ticket = limiter.enter(applied, need, now)
    assert isinstance(ticket, Ticket), ticket
    return ticket


def refused(limiter: Limiter, applied: Sequence[Applied], need: Need, now: int = 0) -> Over:
    over = limiter.enter(applied, need, now)
    assert isinstance(over, Over)
    return over


def standing(limiter: Limiter, *limits: RateLimit, now: int = 0) -> dict[tuple[str, str], tuple[int, int, int]]:
    return {(one.name, subject): (b.calls, b.tokens, b.running) for one, subject, b in limiter.standing(limits, now)}


ONE = Need(1)


def test_a_refused_invocation_takes_nothing_anywhere() -> None:
    wide, narrow = limit("wide", 10, 1_000, 10), limit("narrow", 1)
    limiter = Limiter()
    let_in(limiter, under(wide, narrow), Need(10))
    before = standing(limiter, wide, narrow)
    over = refused(limiter, under(wide, narrow), Need(10))
    assert (over.limit.name, over.unit, over.most, over.remaining, over.subject) == ("narrow", "invocations", 1, 0, "a")
    assert standing(limiter, wide, narrow) == before
    let_in(limiter, under(wide, narrow, subject="b"), Need(10))


def test_the_first_limit_in_the_policys_order_is_named_and_the_longest_wait_told() -> None:
    slow, fast = limit("slow", 1), limit("fast", 60, concurrent=1)
    limiter = Limiter()
    let_in(limiter, under(fast, slow), ONE)
    over = refused(limiter, under(fast, slow), ONE)
    assert (over.limit.name, over.unit, over.wait_ns) == ("fast", "concurrent", MINUTE)
    assert refused(limiter, under(slow, fast), ONE).limit.name == "slow"
    every = limit("every", 1, 1, 1)
    let_in(limiter, under(every), ONE)
    assert refused(limiter, under(every), ONE).unit == "invocations"


def test_a_wait_is_true() -> None:
    limiter, two = Limiter(), limit("two", 2, 100)
    for _ in range(2):
        let_in(limiter, under(two), Need(50))
    over = refused(limiter, under(two), Need(80))
    assert isinstance(limiter.enter(under(two), Need(80), over.wait_ns - 1), Over)
    let_in(limiter, under(two), Need(80), over.wait_ns)


def test_those_that_run_are_counted_until_they_leave_once() -> None:
    limiter, ten = Limiter(), limit("ten", concurrent=10)
    tickets = [let_in(limiter, under(ten), ONE) for _ in range(10)]
    over = refused(limiter, under(ten), ONE)
    assert (over.unit, over.remaining, over.wait_ns) == ("concurrent", 0, CONCURRENT_WAIT_NS)
    limiter.leave(tickets[0], 1)
    limiter.leave(tickets[0], 2)
    let_in(limiter, under(ten), ONE)
    assert isinstance(limiter.enter(under(ten), ONE, 3), Over)


def test_what_was_estimated_and_not_used_is_given_back_and_more_is_a_debt() -> None:
    limiter, one = Limiter(), limit(tokens=1_000)
    ticket = let_in(limiter, under(one), Need(800))
    limiter.use(ticket, 100, 0)
    limiter.leave(ticket, 0)
    assert standing(limiter, one) == {("r", "a"): (0, 100 * MINUTE, 0)}
    ticket = let_in(limiter, under(one), Need(100))
    limiter.use(ticket, 1_500, 0)
    limiter.use(ticket, 400, 0)
    limiter.leave(ticket, 0)
    assert standing(limiter, one) == {("r", "a"): (0, 2_000 * MINUTE, 0)}
    over = refused(limiter, under(one), ONE)
    assert (over.remaining, over.needed) == (0, 1)
    assert over.wait_ns > MINUTE, "a debt is waited for"


def test_what_leaked_away_is_not_given_back() -> None:
    """A long call whose estimate has made room already must not make it twice."""
    limiter, one = Limiter(), limit(tokens=1_000)
    long = let_in(limiter, under(one), Need(1_000))
    let_in(limiter, under(one), Need(1_000), MINUTE)
    limiter.leave(long, MINUTE)
    assert standing(limiter, one, now=MINUTE) == {("r", "a"): (0, 1_000 * MINUTE, 1)}


def test_a_call_larger_than_the_limit_waits_for_a_full_one_and_comes_in() -> None:
    limiter, one = Limiter(), limit(tokens=100)
    small = let_in(limiter, under(one), Need(1))
    limiter.use(small, 1, 0)
    over = refused(limiter, under(one), Need(500))
    assert over.needed == 500
    ticket = let_in(limiter, under(one), Need(500), over.wait_ns)
    limiter.use(ticket, 500, over.wait_ns)
    assert isinstance(limiter.enter(under(one), ONE, over.wait_ns + 4 * MINUTE), Over)


def test_a_guess_takes_what_room_there_is_and_refuses_nobody() -> None:
    limiter, one = Limiter(), limit(tokens=100)
    tickets = []
    for _ in range(9):
        ticket = let_in(limiter, under(one), Need(10, guess=4_096))
        assert ticket.parts[0].charged <= 100
        limiter.use(ticket, 11, 0)
        limiter.leave(ticket, 0)
        tickets.append(ticket)
    assert refused(limiter, under(one), Need(10, guess=4_096)).remaining == 1


def test_the_tightest_limit_is_told() -> None:
    limiter, wide, narrow = Limiter(), limit("wide", 100, 1_000), limit("narrow", 5)
    ticket = let_in(limiter, under(wide, narrow), Need(100))
    assert limiter.gauges(ticket) == Gauges(Gauge(5, 4, MINUTE // 5), Gauge(1_000, 900, MINUTE // 10))
    assert limiter.gauges(let_in(limiter, under(limit("c", concurrent=1)), ONE)) == Gauges()


def test_a_new_limit_keeps_what_was_used_and_another_window_does_not() -> None:
    limiter, old = Limiter(), limit("r", 10)
    for _ in range(8):
        let_in(limiter, under(old), ONE)
    assert refused(limiter, under(limit("r", 8)), ONE).remaining == 0
    let_in(limiter, under(RateLimit("r", "agent", None, MINUTE * 60, 8)), ONE)


def test_limits_that_the_policy_no_longer_has_are_dropped_once_nobody_runs_under_them() -> None:
    limiter, gone, stays = Limiter(), limit("gone", 5), limit("stays", 5)
    ticket = let_in(limiter, under(gone, stays), ONE)
    limiter.forget_all_but([stays])
    assert ("gone", "a") in standing(limiter, gone)
    limiter.leave(ticket, 0)
    limiter.forget_all_but([stays])
    assert list(standing(limiter, gone, stays)) == [("stays", "a")]


LIVES = st.lists(
    st.tuples(
        st.integers(0, 20 * SECOND),
        st.sampled_from(["a", "b"]),
        st.integers(1, 60),
        st.integers(0, 60),
        st.integers(0, 60 * SECOND),
    ),
    max_size=40,
)


@given(LIVES)
def test_however_lives_overlap_nothing_leaks_and_no_limit_is_passed(lives: list[tuple[int, str, int, int, int]]) -> None:
    """Against a naive list of what came: never more than the limit and what filled up in any span, by estimate and by count."""
    one, limiter, now = limit("r", 4, 100, 3), Limiter(), 0
    running: list[tuple[int, Ticket, int]] = []
    came: dict[str, list[int]] = {"a": [], "b": []}
    open_now: dict[str, int] = {"a": 0, "b": 0}
    subjects: dict[int, str] = {}
    for gap, subject, estimate, used, lasts in lives:
        now += gap
        for end, ticket, tokens in [other for other in running if other[0] <= now]:
            running.remove((end, ticket, tokens))
            limiter.use(ticket, tokens, end)
            limiter.leave(ticket, end)
            open_now[subjects[id(ticket)]] -= 1
        entered = limiter.enter(under(one, subject=subject), Need(estimate), now)
        if isinstance(entered, Ticket):
            subjects[id(entered)] = subject
            came[subject].append(now)
            open_now[subject] += 1
            running.append((now + lasts, entered, min(used, estimate)))
            assert open_now[subject] <= 3
        running.sort(key=lambda other: other[0])
    for instants in came.values():
        for first, since in enumerate(instants):
            for last in range(first, len(instants)):
                assert last - first + 1 <= 4 + 4 * (instants[last] - since) // MINUTE
    for _, ticket, _ in running:
        limiter.leave(ticket, now)
    assert all(bucket.running == 0 for _, _, bucket in limiter.standing([one], now))
    assert all(0 <= bucket.tokens <= 100 * MINUTE for _, _, bucket in limiter.standing([one], now))
    assert limiter.standing([one], now + 2 * MINUTE) == []


def test_what_runs_is_counted_whatever_the_policy_changes() -> None:
    old, limiter = limit(concurrent=1, tokens=100), Limiter()
    running = let_in(limiter, under(old), Need(60))
    hourly = msgspec.structs.replace(old, window_ns=60 * MINUTE)
    assert refused(limiter, under(hourly), ONE).unit == "concurrent"
    limiter.use(running, 70, 0)
    limiter.leave(running, 0)
    assert standing(limiter, hourly) == {("r", "a"): (0, 10 * hourly.window_ns, 0)}, "what it used beyond its estimate counts here"
    let_in(limiter, under(hourly), ONE)


def test_whoever_came_before_a_limit_changed_gives_nothing_back_that_is_not_theirs() -> None:
    calls, limiter = limit(concurrent=5), Limiter()
    early = let_in(limiter, under(calls), ONE)
    both = limit(concurrent=5, tokens=100)
    let_in(limiter, under(both), Need(90))
    limiter.leave(early, 1)
    assert limiter.standing([both], 1)[0][2].tokens > 89 * MINUTE
    hourly = msgspec.structs.replace(both, window_ns=60 * MINUTE)
    other = Limiter()
    before = let_in(other, under(both), Need(90))
    let_in(other, under(hourly), Need(50))
    other.leave(before, 0)
    assert other.standing([hourly], 0)[0][2].tokens == 50 * hourly.window_ns
