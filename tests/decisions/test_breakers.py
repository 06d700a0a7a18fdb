"""A breaker opens by the share of errors, lets one probe through, and closes when enough of them went well."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.snapshots import SECOND

from orchvynt.decisions.fallback.breakers import RAMP_NS, SLOTS, Breaker, Probe
from orchvynt.decisions.fallback.sights import Sight
from orchvynt.language.snapshot import Breaking

BREAKING = Breaking(window_ns=10 * SECOND, min_calls=4, error_rate=5_000, open_for_ns=5 * SECOND, probes=2)


def tripped(now: int = 0) -> Breaker:
    breaker = Breaker(BREAKING)
    for _ in range(4):
        breaker.went_wrong(now)
    return breaker


def probed(breaker: Breaker, now: int, well: bool) -> None:
    probe = Probe()
    assert not breaker.refuses(now)
    breaker.begin(probe)
    if well:
        breaker.went_well(now, probe)
    else:
        breaker.went_wrong(now, probe)


def test_too_few_calls_say_nothing() -> None:
    breaker = Breaker(BREAKING)
    for _ in range(3):
        breaker.went_wrong(0)
    assert breaker.calm
    assert breaker.seen(0) == Sight("closed", 1.0, 0)


def test_it_opens_at_the_rate_and_says_until_when() -> None:
    breaker = Breaker(BREAKING)
    for wrong in (False, True, False):
        breaker.went_wrong(SECOND) if wrong else breaker.went_well(SECOND)
    assert not breaker.open
    breaker.went_wrong(SECOND)
    assert breaker.open
    assert breaker.refuses(SECOND)
    assert breaker.seen(2 * SECOND) == Sight("open", 0.5, 6 * SECOND, 1)
    assert breaker.seen(6 * SECOND) == Sight("half-open", 0.5, 0, 1)


def test_errors_that_left_the_window_do_not_count() -> None:
    breaker = Breaker(BREAKING)
    for _ in range(3):
        breaker.went_wrong(0)
    breaker.went_wrong(11 * SECOND)
    assert not breaker.open
    assert (breaker.calls, breaker.errors) == (1, 1)


def test_one_probe_at_a_time_and_enough_of_them_close_it() -> None:
    breaker = tripped()
    now = 5 * SECOND
    first = Probe()
    breaker.begin(first)
    assert breaker.refuses(now), "one probe at a time"
    breaker.went_well(now)
    breaker.went_wrong(now)
    assert breaker.refuses(now), "what was sent before decides nothing"
    breaker.went_well(now, first)
    assert breaker.open
    probed(breaker, now, well=True)
    assert not breaker.open
    assert breaker.seen(now) == Sight("closed", None, 0, 1)


def test_a_probe_that_fails_opens_it_again_and_the_count_begins_anew() -> None:
    breaker = tripped()
    probed(breaker, 5 * SECOND, well=True)
    probed(breaker, 5 * SECOND, well=False)
    assert breaker.refuses(9 * SECOND)
    probed(breaker, 10 * SECOND, well=True)
    assert breaker.open
    assert breaker.opened == 2


def test_a_probe_that_is_never_decided_makes_room() -> None:
    breaker = tripped()
    probe = Probe()
    breaker.begin(probe)
    breaker.free(Probe())
    assert breaker.refuses(5 * SECOND), "another one's end"
    breaker.free(probe)
    assert not breaker.refuses(5 * SECOND)


def test_after_it_closed_a_growing_share_comes_back() -> None:
    breaker = tripped()
    probed(breaker, 5 * SECOND, well=True)
    probed(breaker, 5 * SECOND, well=True)
    assert not breaker.calm
    passed = [not breaker.holds_back(5 * SECOND + RAMP_NS * step // 1_000) for step in range(1_001)]
    assert passed[0] or passed[1], "the first one comes at once"
    quarters = [sum(passed[start : start + 250]) for start in range(0, 1_000, 250)]
    assert quarters == sorted(quarters)
    assert 20 < quarters[0] < 50
    assert 200 < quarters[3] < 240
    assert breaker.calm, "then everybody does"


def test_another_window_counts_anew_and_an_open_one_stays_open() -> None:
    breaker = Breaker(BREAKING)
    breaker.went_wrong(0)
    breaker.adopt(Breaking(window_ns=20 * SECOND))
    assert breaker.calls == 0
    opened = tripped()
    opened.adopt(Breaking(window_ns=20 * SECOND))
    assert opened.refuses(0)


@given(st.integers(0, 1 << 32))
@settings(max_examples=60, deadline=None)
def test_the_slots_count_what_a_list_of_calls_would(seed: int) -> None:
    """As exactly as slots can: nothing younger than nine of ten slots is lost, nothing older than the window is kept."""
    chance = Random(seed)
    breaker = Breaker(Breaking(window_ns=10 * SECOND, min_calls=1_000_000))
    calls: list[tuple[int, bool]] = []
    now = chance.randrange(1 << 50)
    for _ in range(200):
        now += chance.choice([0, 1, SECOND // 10, SECOND, 3 * SECOND, 40 * SECOND if chance.random() < 0.1 else 0])
        wrong = chance.random() < 0.5
        breaker.went_wrong(now) if wrong else breaker.went_well(now)
        calls.append((now, wrong))
        slot = SECOND
        begins = now - now % slot - (SLOTS - 1) * slot
        young = [one for one in calls if one[0] >= begins]
        assert (breaker.calls, breaker.errors) == (len(young), sum(one[1] for one in young))


@given(st.integers(0, 1 << 32))
@settings(max_examples=60, deadline=None)
def test_whatever_happens_there_is_at_most_one_probe_and_every_opening_ends(seed: int) -> None:
    chance = Random(seed)
    breaker = Breaker(BREAKING)
    flying: list[Probe | None] = []
    now = 0
    for _ in range(300):
        now += chance.choice([0, SECOND // 100, SECOND])
        if chance.random() < 0.5 and not breaker.refuses(now):
            probe = Probe() if breaker.open else None
            if probe is not None:
                breaker.begin(probe)
            flying.append(probe)
        elif flying:
            ended = flying.pop(chance.randrange(len(flying)))
            match chance.randrange(3):
                case 0:
                    breaker.went_well(now, ended)
                case 1:
                    breaker.went_wrong(now, ended)
                case _ if ended is not None:
                    breaker.free(ended)
        if breaker.open:
            assert breaker.until <= now + BREAKING.open_for_ns
    for probe in flying:
        if probe is not None:
            breaker.free(probe)
    assert not breaker.refuses(now + BREAKING.open_for_ns)
