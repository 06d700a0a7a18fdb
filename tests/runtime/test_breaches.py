"""What happens past a limit, through the whole runtime: an answer is shortened, another model takes over, somebody is told."""

import asyncio
import json
from typing import Any

import msgspec
from tests.support.answers import ANTHROPIC_WHOLE, STREAM, WHOLE, chunk, refused
from tests.support.carrying import FakeLine, FakeSecrets, Runtime
from tests.support.snapshots import ANTHROPIC, SECOND, invocation, snapshot

from orchvynt.decisions.fallback.moves import Rest
from orchvynt.language.compiled_budgets import UNLIMITED, Breach, Scope
from orchvynt.language.snapshot import Budget, Destination, Key, Limits, Model, SecretRef, Snapshot
from orchvynt.model import facts
from orchvynt.model.facts import AnyFact
from orchvynt.model.invocation import Claims
from orchvynt.model.money import FREE, Price
from orchvynt.runtime.life import Life

HOOK = Destination("oncall", "127.0.0.1", 9, False, "/hook", SecretRef("env", "HOOK_SECRET"))
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PRICE = Price(input=1_000_000_000, output=2_000_000_000, cached_input=0, source="policy")
SPENT = 100


def budget(tokens: int = 1_000, kind: str = "reject", name: str = "b", scope: Scope = "global", **more: Any) -> Budget:
    """One in tokens. A downgrade leads to `claude`."""
    ceiling = more.pop("ceiling", UNLIMITED)
    breach = more.pop("breach", None) or msgspec.convert(
        {"kind": kind, "model": "claude" if kind == "downgrade" else "", "ceiling": msgspec.to_builtins(ceiling)}, Breach
    )
    return Budget(name, scope, None, "lifetime", more.pop("limits", Limits(tokens=tokens)), breach=breach, **more)


def policy(*budgets: Budget, tiers: tuple[str, ...] = (), **models: Model) -> Snapshot:
    made = snapshot(tiers=tiers, budgets=budgets, max_retries=0)
    chains = {name: msgspec.structs.replace(chain, mid_stream="continue") for name, chain in made.chains.items()}
    return msgspec.structs.replace(made, chains=chains, models={**made.models, **models}, destinations={"oncall": HOOK})


class World:
    def __init__(self, *budgets: Budget, tiers: tuple[str, ...] = (), **models: Model) -> None:
        self.runtime = Runtime(policy(*budgets, tiers=tiers, **models), FakeSecrets(HOOK_SECRET=SECRET))
        self.count = 0

    def spend(self, amount: int = SPENT, name: str = "b", subject: str = "*", nanos: int = 0) -> None:
        account = self.runtime.ledger.open((name, subject, 0, 0))
        account.settled_tokens += amount
        account.settled_nanos += nanos

    def ask(self, model: str = "gpt", limit: int | None = 50, **more: Any) -> tuple[Life, FakeLine]:
        self.count += 1
        made = invocation(model, stream=more.pop("stream", False), claims=more.pop("claims", None))
        body = json.loads(made.ask.body)
        body |= {"max_tokens": limit, "n": more.get("choices", 1)}
        ask = msgspec.structs.replace(made.ask, body=json.dumps(body).encode(), max_output_tokens=limit, choices=more.pop("choices", 1))
        return self.runtime.ask(msgspec.structs.replace(made, id=f"inv_{self.count}", ask=ask, **more))

    def facts(self, kind: type[AnyFact]) -> list[Any]:
        return [fact for frame in self.runtime.journal.frames for fact in frame if isinstance(fact, kind)]

    def asked(self) -> list[str]:
        return [sent.model for sent in self.facts(facts.AttemptSent)]


# Clamp.


def test_a_limit_of_the_caller_is_lowered_until_it_fits_and_an_answer_that_ends_there_says_so() -> None:
    world = World(budget(1_000, "clamp"))
    world.spend(900)
    _, line = world.ask(limit=500)
    sent = world.runtime.last.body["max_tokens"]
    held = world.facts(facts.HoldPlaced)[0]
    assert held.input_tokens_bound + sent == 100, "all that is left"
    assert (held.output_tokens_max, held.limited_by) == (sent, "b")
    world.runtime.last.answers(WHOLE.replace(b'"finish_reason":"stop"', b'"finish_reason":"length"'))
    assert (line.status, line.headers["x-orchvynt-limited-by"]) == (200, "budget:b")


def test_what_fits_is_left_alone_and_what_does_not_fit_at_the_least_is_refused() -> None:
    world = World(budget(1_000, "clamp", min_output_tokens=50))
    world.ask(limit=500)
    assert world.runtime.last.body["max_tokens"] == 500
    world.runtime.last.answers(WHOLE)
    world.spend(920)
    _, line = world.ask(limit=500)
    error = line.json["error"]
    assert (line.status, error["code"], error["needed"] > 70) == (402, "budget_exceeded", True)
    assert "`min_output_tokens` is 50" in error["message"]
    assert len(world.asked()) == 1


def test_a_budget_that_rejects_must_be_able_to_pay_the_shortened_answer() -> None:
    world = World(budget(1_000, "clamp", "soft"), budget(100, "reject", "hard"))
    world.spend(900, "soft")
    world.ask(limit=5_000)
    assert world.facts(facts.HoldPlaced)[0].limited_by == "soft"
    other = World(budget(1_000, "clamp", "soft"), budget(90, "reject", "hard"))
    _, line = other.ask(limit=500)
    assert line.json["error"]["budget"] == "hard", "a budget that rejects lowers no limit that a caller gave"


def test_every_choice_gets_its_part_of_what_is_left() -> None:
    world = World(budget(1_000, "clamp"))
    world.spend(800)
    world.ask(limit=400, choices=3)
    held = world.facts(facts.HoldPlaced)[0]
    assert world.runtime.last.body["max_tokens"] == held.output_tokens_max // 3
    assert 3 * world.runtime.last.body["max_tokens"] + held.input_tokens_bound <= 200


# Downgrade.


def test_past_the_limit_another_model_answers_and_says_for_whom() -> None:
    world = World(budget(100, "downgrade"))
    world.spend(100)
    _, line = world.ask()
    assert world.asked() == ["claude"]
    world.runtime.last.answers(ANTHROPIC_WHOLE)
    said = line.headers
    assert (line.status, said["x-orchvynt-model"], said["x-orchvynt-requested-model"]) == (200, "claude", "gpt")
    assert (said["x-orchvynt-rule"], said["x-orchvynt-tier"]) == ("downgrade:b", "2")
    assert (said["x-orchvynt-budget-low"], said["x-orchvynt-budget-remaining"]) == ("b", "b;tokens=0")
    (downgraded,) = world.facts(facts.Downgraded)
    assert (downgraded.budget, downgraded.from_model, downgraded.model) == ("b", "gpt", "claude")
    assert world.facts(facts.HoldPlaced)[0].overflows == ("b",)
    assert world.facts(facts.CandidateSkipped)[0].why == "budget:b"
    assert next(line for line in _lines(world) if line[0] == "b")[1] > 100, "the overflow is metered"


def _lines(world: World) -> list[tuple[str, int]]:
    return [(key[0], account.settled_tokens) for key, account in world.runtime.ledger.entries()]


def test_below_the_limit_nothing_changes() -> None:
    world = World(budget(1_000, "downgrade"))
    world.ask()
    assert world.asked() == ["gpt"]
    assert world.facts(facts.HoldPlaced)[0].overflows == ()


def test_a_tier_of_the_plan_is_admitted_in_its_place() -> None:
    world = World(budget(100, "downgrade"), tiers=("gpt", "claude"))
    world.spend(100)
    _, line = world.ask()
    world.runtime.last.answers(ANTHROPIC_WHOLE)
    assert (world.asked(), line.headers["x-orchvynt-tier"]) == (["claude"], "2")
    assert world.facts(facts.Downgraded) == []
    assert world.facts(facts.HoldPlaced)[0].overflows == ("b",)


def test_the_ceiling_is_hard_and_is_what_the_refusal_says() -> None:
    for tiers in ((), ("gpt", "claude")):
        world = World(budget(100, "downgrade", ceiling=Limits(tokens=200)), tiers=tiers)
        world.spend(150)
        _, line = world.ask()
        error = line.json["error"]
        assert (line.status, error["code"], error["limit"], error["spent"], error["model"]) == (402, "budget_exceeded", 200, 150, "claude")
        assert "ceiling 200 tokens" in error["message"]
        assert b"on_breach.ceiling" in line.body
        assert world.asked() == []
        small = World(budget(100, "downgrade", ceiling=Limits(tokens=300)), tiers=tiers)
        small.spend(150)
        small.ask()
        assert small.asked() == ["claude"]


def test_a_model_that_the_key_may_not_use_is_not_asked_and_the_refusal_says_so() -> None:
    world = World(budget(100, "downgrade"))
    made = msgspec.structs.replace(world.runtime.policies.current, keys={"team": Key("team", allow_models=frozenset({"gpt"}))})
    world.runtime = Runtime(made)
    world.spend(100)
    _, line = world.ask(key="team")
    error = line.json["error"]
    assert (line.status, error["limit"], error["downgrade"]) == (402, 100, "claude")
    assert "may not be asked: key team may not use it" in error["message"]
    assert world.asked() == []


def test_other_budgets_bind_it_like_every_candidate() -> None:
    world = World(budget(100, "downgrade"), budget(120, "reject", "hard"))
    world.spend(100)
    world.spend(100, "hard")
    _, line = world.ask()
    assert (line.status, line.json["error"]["budget"]) == (402, "hard"), "the first is passed; what stopped its own model is said"
    assert world.asked() == []


def test_the_first_breached_budget_of_the_first_candidate_decides() -> None:
    world = World(budget(100, "reject", "hard"), budget(100, "downgrade"))
    world.spend(100)
    world.spend(100, "hard")
    _, line = world.ask()
    assert (line.status, line.json["error"]["budget"]) == (402, "hard")
    assert world.asked() == []


def test_one_budget_may_lead_to_the_model_of_the_next() -> None:
    local = Model("local", ANTHROPIC, "tiny", FREE)
    onward = budget(200, name="wide", breach=Breach("downgrade", "local"))
    money = budget(limits=Limits(nanos=1_000), kind="downgrade")
    gpt = Model("gpt", msgspec.structs.replace(ANTHROPIC, name="openai"), "g", PRICE)
    world = World(money, onward, local=local, claude=Model("claude", ANTHROPIC, "c", PRICE), gpt=gpt)
    world.spend(nanos=1_000)
    world.spend(200, "wide")
    world.ask()
    assert world.asked() == ["local"]
    assert [one.model for one in world.facts(facts.Downgraded)] == ["claude", "local"]


def test_two_that_lead_in_a_circle_end_in_a_refusal() -> None:
    world = World(budget(100, breach=Breach("downgrade", "claude"), name="one"), budget(100, breach=Breach("downgrade", "gpt"), name="two"))
    world.spend(100, "one")
    world.spend(100, "two")
    for model in ("gpt", "claude"):
        _, line = world.ask(model)
        assert line.status == 402
    assert world.asked() == []


def test_in_flight_holds_are_waited_for_before_anything_is_downgraded() -> None:
    world = World(budget(100, "downgrade"))
    world.ask()
    _, line = world.ask()
    assert world.asked() == ["gpt"]
    world.runtime.later(30 * SECOND)
    assert world.asked() == ["gpt", "claude"]
    world.runtime.last.answers(ANTHROPIC_WHOLE)
    assert line.status == 200


def test_a_free_model_passes_the_money_that_is_gone() -> None:
    gone = budget(limits=Limits(nanos=1_000), kind="reject")
    gpt = Model("gpt", msgspec.structs.replace(ANTHROPIC, name="openai"), "g", PRICE)
    world = World(gone, gpt=gpt, tiers=("gpt", "claude"))
    world.spend(nanos=1_000)
    _, line = world.ask()
    assert world.asked() == ["claude"], "a tier that does not fit is passed by"
    world.runtime.last.answers(ANTHROPIC_WHOLE)
    assert line.status == 200


def test_a_stream_that_broke_is_rescued_by_it() -> None:
    """The budget has no room for another tier by the time that the stream breaks."""
    world = World(budget(400, "downgrade"), tiers=("gpt", "dear"), dear=Model("dear", ANTHROPIC, "d", FREE))
    _, line = world.ask(stream=True, limit=100)
    world.runtime.last.begins()
    world.runtime.last.streams(chunk("The sea "))
    world.spend(400)
    world.runtime.last.listener.on_end()
    assert world.asked() == ["gpt", "claude"]
    assert line.status == 200
    assert [one.model for one in world.facts(facts.Downgraded)] == ["claude"]


def test_it_is_asked_once_and_its_failure_is_a_failure() -> None:
    world = World(budget(100, "downgrade"), tiers=("gpt",))
    world.spend(100)
    _, line = world.ask()
    world.runtime.last.answers(refused(), 500)
    assert (line.status, line.code, world.asked()) == (503, "all_providers_failed", ["claude"])


def test_one_that_rests_is_not_asked() -> None:
    world = World(budget(100, "downgrade"))
    world.runtime.health.rest(ANTHROPIC, "claude", Rest(200 * SECOND, False, "rate_limit"), world.runtime.clock.monotonic())
    world.spend(100)
    _, line = world.ask()
    assert (line.status, line.code, world.asked()) == (503, "all_providers_failed", [])


# Alert.


def watched(kind: str = "reject", tokens: int = 100, **more: Any) -> World:
    return World(budget(tokens, kind, alert_at=(5_000, 8_000, 10_000), notify=("oncall",), **more))


def looks(world: World, seconds: int) -> list[dict[str, Any]]:
    """What arrives within so many looks of the alerts, each taken at once."""
    return asyncio.run(_looked(world, seconds))


async def _looked(world: World, seconds: int) -> list[dict[str, Any]]:
    told, upstream = [], world.runtime.upstream
    for _ in range(seconds):
        world.runtime.later(SECOND)
        await world.runtime.alerting.tick()
        await _turns()
        arrived = [one for one in upstream.arrivals if one.path == "/hook"]
        upstream.arrivals = [one for one in upstream.arrivals if one.path != "/hook"]
        for arrival in arrived:
            told.append(arrival.body)
            arrival.listener.on_head(204, [])
            arrival.listener.on_end()
        await _turns()
    return told


async def _turns() -> None:
    """Whatever a message sets going has its turns."""
    for _ in range(20):
        await asyncio.sleep(0)


def thresholds(world: World) -> list[tuple[int, str, str]]:
    return [(one.share, one.why, one.inv) for one in world.facts(facts.BudgetThresholdPassed)]


def test_a_budget_that_only_advises_never_stands_in_the_way() -> None:
    world = watched("alert", 10)
    world.ask(limit=None)
    assert "max_tokens" not in {name for name, value in world.runtime.last.body.items() if value}, "and needs no bound of the output"
    world.runtime.last.answers(WHOLE)
    _, line = world.ask(limit=None)
    world.runtime.last.answers(WHOLE)
    assert (line.status, line.headers["x-orchvynt-budget-remaining"], line.headers["x-orchvynt-budget-low"]) == (200, "b;tokens=0", "b")
    assert [(share, inv) for share, _, inv in thresholds(world)] == [(5_000, "inv_1"), (8_000, "inv_1"), (10_000, "inv_1")]


def test_what_is_settled_decides_and_each_threshold_is_told_once() -> None:
    lifted = watched("alert", 25)
    lifted.ask()
    assert thresholds(lifted) == [], "holds in flight may come back"
    lifted.runtime.last.answers(WHOLE)
    assert thresholds(lifted) == [], "ten of twenty-five"
    lifted.ask()
    lifted.runtime.last.answers(WHOLE)
    assert thresholds(lifted) == [(5_000, "settled", "inv_2"), (8_000, "settled", "inv_2")]
    told = looks(lifted, 5)
    assert [one["data"]["threshold"] for one in told] == ["50%", "80%"]
    (member,) = told[1]["data"]["group"]
    assert (member["subject"], member["spent"], member["limit"], member["unit"], member["invocation"]) == ("*", 20, 25, "tokens", "inv_2")
    lifted.ask()
    lifted.runtime.last.answers(WHOLE)
    assert [one["data"]["threshold"] for one in looks(lifted, 70)] == ["100%"]
    lifted.ask()
    lifted.runtime.last.answers(WHOLE)
    assert looks(lifted, 130) == []


def test_all_is_gone_when_a_call_is_turned_away_with_nothing_in_flight() -> None:
    world = watched(tokens=100)
    world.spend(60)
    _, line = world.ask()
    assert line.status == 402
    assert [(share, why) for share, why, _ in thresholds(world)] == [(5_000, "refused"), (8_000, "refused"), (10_000, "refused")]
    world.ask()
    assert len(thresholds(world)) == 3
    held = watched(tokens=140)
    held.ask()
    held.ask()
    held.runtime.later(30 * SECOND)
    assert thresholds(held) == [], "it was refused for what is in flight"


def test_all_is_gone_when_an_answer_is_shortened_or_another_model_takes_over() -> None:
    world = watched("clamp", 100)
    world.ask(limit=90)
    assert [(share, why) for share, why, _ in thresholds(world)][-1] == (10_000, "clamped")
    other = watched("downgrade", 100)
    other.spend(70)
    other.ask()
    assert other.asked() == ["claude"]
    assert [(share, why) for share, why, _ in thresholds(other)][-1] == (10_000, "refused")


def test_many_subjects_make_few_messages() -> None:
    world = watched("alert", 10, scope="run")
    for number in range(300):
        world.ask(claims=Claims(run=f"r{number}"))
        world.runtime.last.answers(WHOLE)
    told = looks(world, 5)
    assert [one["data"]["threshold"] for one in told] == ["50%", "80%", "100%"]
    assert [(len(one["data"]["group"]), one["data"]["more"]) for one in told] == [(100, 200)] * 3
    world.ask(claims=Claims(run="late"))
    world.runtime.last.answers(WHOLE)
    assert looks(world, 30) == [], "the next waits for others of its kind"
    assert [one["data"]["group"][0]["subject"] for one in looks(world, 60)] == ["late"] * 3


def test_what_was_told_is_not_told_by_the_next_process_and_what_was_not_is() -> None:
    world = watched("alert", 25)
    for _ in range(2):
        world.ask()
        world.runtime.last.answers(WHOLE)
    assert len(looks(world, 3)) == 2
    world.ask()
    world.runtime.last.answers(WHOLE)
    asyncio.run(world.runtime.alerting.tick())
    later = watched("alert", 25)
    later.runtime = Runtime(world.runtime.policies.current, FakeSecrets(HOOK_SECRET=SECRET), world.runtime.store)
    later.spend(30)
    asyncio.run(later.runtime.alerting.recall())
    later.ask()
    later.runtime.last.answers(WHOLE)
    assert thresholds(later) == []
    assert [one["data"]["threshold"] for one in looks(later, 70)] == ["100%"]
    (standing,) = later.runtime.alerting.lines()
    assert (standing.alert, standing.threshold, standing.subject, standing.spent) == ("budget:b", "100%", "*", "30 of 25 tokens")


def test_a_stream_with_a_limit_on_output_alone() -> None:
    world = World(budget(limits=Limits(output_tokens=60)))
    _, line = world.ask(stream=True, limit=50)
    world.runtime.last.begins()
    world.runtime.last.streams(*STREAM)
    world.runtime.last.listener.on_end()
    assert b"budget-remaining=b;output_tokens=58" in line.body.replace(b": ", b"=")
    _, refused_line = world.ask(limit=59)
    error = refused_line.json["error"]
    assert (error["unit"], error["limit"], error["spent"], error["needed"]) == ("output_tokens", 60, 2, 59)
    assert "output tokens" in error["message"]
