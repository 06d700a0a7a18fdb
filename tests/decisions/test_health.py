"""Who may be asked now: rests, breakers of models and addresses, probes, and the slow return."""

import msgspec
from tests.support.snapshots import ANTHROPIC, OPENAI, SECOND, snapshot

from orchvynt.decisions.fallback.breakers import RAMP_NS
from orchvynt.decisions.fallback.health import KEPT_MODELS, Health
from orchvynt.decisions.fallback.moves import Rest
from orchvynt.decisions.fallback.passing import CLEAR, PROBES, Passage, Refusal
from orchvynt.decisions.fallback.routes import Route
from orchvynt.decisions.fallback.sights import How
from orchvynt.language.snapshot import Breaking, Provider

BREAKING = Breaking(window_ns=10 * SECOND, min_calls=4, error_rate=5_000, open_for_ns=5 * SECOND, probes=2)
POLICY = msgspec.structs.replace(snapshot(), breaking=BREAKING)
BROKEN = How("server_error", True, 0)
REFUSED = How("connection", False, 0)


def healthy() -> Health:
    health = Health()
    health.under(POLICY)
    return health


def failing(health: Health, how: How = BROKEN, times: int = 4, model: str = "gpt", now: int = 0) -> int:
    barred = 0
    for _ in range(times):
        barred = health.failed(health.route(OPENAI, model), how, now)
    return barred


def refused(found: Passage | Refusal) -> Refusal:
    assert isinstance(found, Refusal)
    return found


def gpt(health: Health) -> Route:
    return health.route(OPENAI, "gpt")


def test_a_rest_is_never_shortened_and_a_credential_rests_all_behind_it() -> None:
    health = healthy()
    health.rest(OPENAI, "gpt", Rest(10, False, "rate_limit"), 0)
    health.rest(OPENAI, "gpt", Rest(5, False, "rate_limit"), 0)
    found = refused(gpt(health).refusal(9))
    assert (found.why, found.for_ns, found.rest_why, found.waitable, found.at_last) == ("resting", 1, "rate_limit", True, False)
    assert gpt(health).refusal(10) is CLEAR
    assert health.route(OPENAI, "other").refusal(0) is CLEAR
    health.rest(OPENAI, "gpt", Rest(10, True, "auth"), 0)
    assert refused(health.route(OPENAI, "other").refusal(0)).rest_why == "auth"
    assert health.route(ANTHROPIC, "claude").refusal(0) is CLEAR
    assert health.standing(OPENAI, "gpt", 1).until == 10
    health.forget_ended(10)
    assert gpt(health).calm


def test_a_silent_one_is_probed_by_one_alone_until_it_has_answered() -> None:
    health = healthy()
    health.rest(OPENAI, "gpt", Rest(10, False, "timeout"), 0)
    route = gpt(health)
    assert refused(route.refusal(0)).at_last
    assert route.refusal(10) is PROBES
    probe = route.begin()
    others = refused(route.refusal(10))
    assert (others.why, others.at_last) == ("resting", True)
    assert not route.may_be_asked(10)
    assert route.refusal(10, alone=True) is CLEAR, "there is nobody else"
    probe.free()
    assert route.refusal(10) is PROBES
    health.answered(health.route(OPENAI, "gpt"), 11, route.begin())
    assert route.refusal(11) is CLEAR
    assert route.calm


def test_one_that_is_asked_last_although_it_was_silent_is_still_one_probe_at_a_time() -> None:
    health = healthy()
    failing(health, How("timeout", True, 0))
    health.rest(OPENAI, "gpt", Rest(15 * SECOND, False, "timeout"), 0)
    barred = refused(gpt(health).refusal(SECOND, at_last=True))
    assert (barred.why, barred.for_ns) == ("breaker", 4 * SECOND), "its rest only costs it its place"
    now = 5 * SECOND
    assert gpt(health).refusal(now, at_last=True) is PROBES
    gpt(health).begin()
    assert refused(gpt(health).refusal(now, at_last=True)).why == "breaker"


def test_an_answer_ends_a_silent_rest_but_not_one_that_was_asked_for() -> None:
    health = healthy()
    health.rest(OPENAI, "gpt", Rest(10, False, "stall"), 0)
    health.answered(health.route(OPENAI, "gpt"), 1)
    assert gpt(health).refusal(1) is CLEAR
    health.rest(OPENAI, "gpt", Rest(10, False, "rate_limit"), 0)
    health.answered(health.route(OPENAI, "gpt"), 1)
    assert refused(gpt(health).refusal(1)).rest_why == "rate_limit"


def test_a_model_that_keeps_failing_is_refused_until_it_was_probed() -> None:
    health = healthy()
    assert failing(health, times=3) == 0
    assert failing(health, times=1) == 5 * SECOND
    found = refused(gpt(health).refusal(SECOND))
    assert (found.why, found.for_ns, found.rest_why, found.at_last, found.waitable) == ("breaker", 4 * SECOND, "model", False, False)
    assert found.sight is not None
    assert (found.sight.state, found.sight.error_rate) == ("open", 1.0)
    now = 5 * SECOND
    for _ in range(2):
        assert health.healthy(POLICY.models["gpt"], now), "a rule may choose it: somebody has to"
        assert gpt(health).refusal(now) is PROBES
        probe = gpt(health).begin()
        assert refused(gpt(health).refusal(now, alone=True)).why == "breaker"
        assert not health.healthy(POLICY.models["gpt"], now)
        health.answered(health.route(OPENAI, "gpt"), now, probe)
    found = refused(next(one for one in (gpt(health).refusal(now) for _ in range(3)) if isinstance(one, Refusal)))
    assert (found.why, found.at_last) == ("ramp", True)
    assert gpt(health).refusal(now, alone=True) is CLEAR, "the last tier is never refused for that"
    assert gpt(health).refusal(now + RAMP_NS) is CLEAR
    assert gpt(health).calm


def test_the_first_content_of_a_stream_is_proof_unless_it_was_streams_that_broke_off() -> None:
    for how, proven in ((BROKEN, True), (How("cut", True, 0), False)):
        health = healthy()
        failing(health, how)
        health.rest(OPENAI, "gpt", Rest(SECOND, False, "timeout"), 0)
        now = 5 * SECOND
        for _ in range(2):
            probe = gpt(health).begin()
            assert health.began(gpt(health), now, probe) is proven
            assert gpt(health).silent is not proven
            probe.free()
        assert gpt(health).breaker.open is not proven


def test_an_open_breaker_and_a_longer_rest_end_together() -> None:
    health = healthy()
    failing(health)
    health.rest(OPENAI, "gpt", Rest(60 * SECOND, False, "rate_limit"), 0)
    assert refused(gpt(health).refusal(0)).for_ns == 60 * SECOND
    assert refused(gpt(health).refusal(5 * SECOND)).why == "resting"


def test_an_address_that_refuses_bars_every_model_behind_it() -> None:
    health = healthy()
    neighbour = Provider("spare", "openai", "openai_chat", OPENAI.host, OPENAI.port, OPENAI.tls, "/v2", None)
    failing(health, REFUSED)
    assert refused(health.route(neighbour, "x").refusal(0)).rest_why == "address"
    assert refused(health.route(OPENAI, "other").refusal(0)).rest_why == "address"
    assert health.route(ANTHROPIC, "claude").refusal(0) is CLEAR
    now = 5 * SECOND
    probe = health.route(neighbour, "x").begin()
    assert refused(gpt(health).refusal(now)).why == "breaker"
    health.failed(health.route(neighbour, "x"), BROKEN, now, probe)
    assert gpt(health).refusal(now) is PROBES, "an error status shows that somebody is there"


def test_a_reset_is_the_models_own() -> None:
    health = healthy()
    failing(health, How("connection", True, 0))
    assert refused(gpt(health).refusal(0)).rest_why == "model"
    assert health.route(OPENAI, "other").refusal(0) is CLEAR


def test_what_is_nobodys_fault_counts_nowhere() -> None:
    health = healthy()
    for word in ("bad_request", "content_filter", "context_length", "policy", "auth", "quota"):
        failing(health, How(word, True, 0))
    failing(health, How("overloaded", False, 0))
    failing(health, How("rate_limit", True, SECOND))
    failing(health, How("connection", True, 0, stale=True))
    assert gpt(health).refusal(0) is CLEAR
    assert (gpt(health).attempts, gpt(health).failures) == (36, 36)


def test_a_rate_limit_that_does_not_say_when_is_a_failure() -> None:
    health = healthy()
    failing(health, How("rate_limit", True, 0))
    assert refused(gpt(health).refusal(0)).why == "breaker"


def test_a_slow_one_is_asked_by_one_alone_in_its_place() -> None:
    route = gpt(healthy())
    assert route.refusal(0, slow=True, alone=True) is CLEAR
    assert route.refusal(0, slow=True) is PROBES
    probe = route.begin()
    found = refused(route.refusal(0, slow=True))
    assert (found.why, found.at_last) == ("slow", True)
    assert route.refusal(0) is CLEAR, "another chain may bear it"
    probe.free()
    assert route.refusal(0, slow=True) is PROBES


def test_a_renewed_credential_rests_no_longer_and_a_used_up_quota_does() -> None:
    health = healthy()
    assert not health.renewed("openai"), "nothing is known of it"
    health.rest(OPENAI, "gpt", Rest(10, True, "auth"), 0)
    health.rest(ANTHROPIC, "claude", Rest(10, True, "quota"), 0)
    assert (health.renewed("openai"), health.renewed("anthropic")) == (True, False)
    assert health.route(OPENAI, "gpt").refusal(0) is CLEAR
    assert refused(health.route(ANTHROPIC, "claude").refusal(0)).rest_why == "quota"


def test_another_policy_voids_what_was_thought_of_what_it_changed() -> None:
    health = healthy()
    failing(health)
    health.rest(ANTHROPIC, "claude", Rest(10, True, "auth"), 0)
    moved = msgspec.structs.replace(OPENAI, port=9)
    changed = msgspec.structs.replace(POLICY, version=2, providers={"openai": moved, "anthropic": ANTHROPIC}, breaking=Breaking())
    health.under(changed)
    assert health.route(moved, "gpt").calm
    assert refused(health.route(ANTHROPIC, "claude").refusal(0)).rest_why == "auth"
    health.under(POLICY)
    assert health.route(moved, "gpt").breaker.breaking == Breaking(), "an older policy, still in use, changes nothing"


def test_names_that_callers_invent_do_not_fill_the_memory() -> None:
    health = healthy()
    failing(health)
    for number in range(KEPT_MODELS + 10):
        health.answered(health.route(OPENAI, f"m{number}"), 0)
    assert refused(gpt(health).refusal(0)).why == "breaker", "who is in trouble is kept longest"
    assert health.find(OPENAI, "m0").attempts == 0
    health.forget_ended(0)
    assert refused(gpt(health).refusal(0)).why == "breaker"


def test_one_whose_quota_is_spent_is_passed_by_but_never_barred() -> None:
    health = healthy()
    health.spent(gpt(health), 10)
    health.spent(gpt(health), 5)
    found = refused(gpt(health).refusal(0))
    assert (found.why, found.for_ns, found.rest_why, found.at_last, found.waitable) == ("resting", 10, "quota", True, False)
    assert gpt(health).refusal(0, alone=True) is CLEAR
    assert gpt(health).refusal(0, at_last=True) is CLEAR
    assert gpt(health).may_be_asked(0), "a hint makes nobody ill"
    assert (health.standing(OPENAI, "gpt", 0).until, health.standing(OPENAI, "gpt", 0).why) == (10, "quota")
    health.rest(OPENAI, "gpt", Rest(20, False, "rate_limit"), 0)
    assert refused(gpt(health).refusal(0)).rest_why == "rate_limit"
    assert health.standing(OPENAI, "gpt", 0).why == "rate_limit"
    assert gpt(health).refusal(20) is CLEAR
    health.forget_ended(20)
    assert gpt(health).calm
