"""What processes tell one another of routes, and who may probe when: one at a time, and each in its turn."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.snapshots import SECOND, snapshot

from orchvynt.decisions.fallback.health import Health
from orchvynt.decisions.fallback.moves import Rest
from orchvynt.decisions.fallback.passing import CLEAR, Refusal
from orchvynt.decisions.fallback.sharing import GUARD_NS, KNOWN_FOR_NS, TURN_NS, Sighting, Together
from orchvynt.decisions.fallback.sights import How

POLICY = snapshot()
PROVIDER = next(iter(POLICY.providers.values()))
MODEL = next(name for name, model in POLICY.models.items() if model.provider.name == PROVIDER.name)
FAILED = How("server_error", True, 0)


def pair() -> tuple[Health, Health, list[Sighting]]:
    """Two processes; what the first tells the second hears."""
    one, two = Health(), Health()
    said: list[Sighting] = []
    one.under(POLICY)
    two.under(POLICY)

    def tell(sighting: Sighting) -> None:
        said.append(sighting)
        two.hear(sighting, POLICY, 0)

    one.together.told = tell
    return one, two, said


def opened(health: Health, now: int = 0) -> None:
    route = health.route(PROVIDER, MODEL)
    for _ in range(POLICY.breaking.min_calls):
        health.failed(route, FAILED, now)


@settings(max_examples=100)
@given(st.integers(1, 6), st.integers(0, 1 << 60), st.lists(st.integers(-GUARD_NS // 4, GUARD_NS // 4), min_size=6, max_size=6))
def test_at_no_instant_may_two_probe(count: int, now: int, skews: list[int]) -> None:
    """Monotonic clocks differ by anything, and what is known of the store's by a little."""
    may = 0
    for place in range(count):
        together = Together()
        together.known(count, place, skews[place], 0)
        together.known(count, place, skews[place], now - 1)
        may += together.may_probe(now)
    assert may <= 1


def test_each_has_its_turn_and_whoever_heard_nothing_decides_for_itself() -> None:
    together = Together()
    assert together.may_probe(5)
    together.known(3, 1, 0, 0)
    assert [together.may_probe(turn * TURN_NS) for turn in range(6)] == [False, True, False, False, True, False]
    assert not together.may_probe(2 * TURN_NS - GUARD_NS)
    assert together.may_probe(KNOWN_FOR_NS)
    together.known(1, 0, 0, 0)
    assert together.may_probe(0)


def test_a_rest_is_heard_of() -> None:
    one, two, said = pair()
    one.rest(PROVIDER, MODEL, Rest(7 * SECOND, False, "rate_limit"), 0)
    assert said == [Sighting("rests", PROVIDER.name, MODEL, "route", 7 * SECOND, "rate_limit")]
    refused = two.route(PROVIDER, MODEL).refusal(SECOND)
    assert isinstance(refused, Refusal)
    assert (refused.why, refused.for_ns) == ("resting", 6 * SECOND)
    one.rest(PROVIDER, MODEL, Rest(SECOND, False, "rate_limit"), 0)
    assert len(said) == 1, "it never shortens one"


def test_a_breaker_opens_is_probed_by_one_and_closes_everywhere() -> None:
    one, two, said = pair()
    opened(one)
    assert [sighting.what for sighting in said] == ["open"]
    later = POLICY.breaking.open_for_ns
    first, second = one.route(PROVIDER, MODEL), two.route(PROVIDER, MODEL)
    assert second.breaker.open
    assert isinstance(second.refusal(later - 1), Refusal)
    for number in range(POLICY.breaking.probes):
        probe = first.begin()
        assert said[-1].what == "probed"
        assert isinstance(second.refusal(later), Refusal), "one probe at a time, over all"
        one.answered(first, later, probe)
        assert said[-1].what == ("open" if number + 1 < POLICY.breaking.probes else "closed")
    assert not first.breaker.open
    assert not second.breaker.open


def test_a_probe_that_fails_opens_it_everywhere_and_one_that_shows_nothing_frees_it() -> None:
    one, two, said = pair()
    opened(one)
    later = POLICY.breaking.open_for_ns
    first, second = one.route(PROVIDER, MODEL), two.route(PROVIDER, MODEL)
    first.begin().free()
    assert (said[-1].what, said[-1].for_ns) == ("open", 0)
    assert second.refusal(later) != CLEAR
    assert not isinstance(second.refusal(later), Refusal)
    probe = first.begin()
    one.failed(first, FAILED, later, probe)
    assert (said[-1].what, said[-1].for_ns) == ("open", POLICY.breaking.open_for_ns)


def test_out_of_its_turn_a_process_goes_elsewhere() -> None:
    one, _, _ = pair()
    opened(one)
    later = POLICY.breaking.open_for_ns
    route = one.route(PROVIDER, MODEL)
    one.together.known(2, 1 - later // TURN_NS % 2, 0, later)
    assert isinstance(route.refusal(later), Refusal)
    one.together.known(2, later // TURN_NS % 2, 0, later)
    assert not isinstance(route.refusal(later), Refusal)


def test_what_the_policy_does_not_have_is_nobody_s_business() -> None:
    health = Health()
    health.hear(Sighting("open", "nobody", "m", "route", SECOND), POLICY, 0)
    health.hear(Sighting("rests", PROVIDER.name, MODEL, "credential", SECOND, "auth"), POLICY, 0)
    assert isinstance(health.route(PROVIDER, MODEL).refusal(0), Refusal)
