"""Which model gets an invocation, and why: rules, names, aliases, patterns, and the chain behind."""

from collections.abc import Mapping

import msgspec
import pytest
from tests.decisions.routing_policies import asking, planned
from tests.support.snapshots import ANTHROPIC, snapshot

from orchvynt.decisions.routing.names import resolve
from orchvynt.decisions.routing.planned import Plan
from orchvynt.decisions.routing.rules import FAILURES_MAX
from orchvynt.language.snapshot import EvaluationError, Expression, Model, Rule, Snapshot
from orchvynt.model.money import FREE


def when(result: object) -> Expression:
    def evaluate(_: Mapping[str, object]) -> object:
        if isinstance(result, Exception):
            raise result
        return result

    return Expression("…", evaluate, frozenset())


def policy(*rules: Rule, tiers: tuple[str, ...] = ("gpt", "claude"), unknown: str = "refuse") -> Snapshot:
    made = snapshot(tiers=tiers)
    template = Model("claude-*", ANTHROPIC, "", FREE)
    return msgspec.structs.replace(made, rules=rules, patterns=(("claude-*", template),), unknown_model=unknown)


def routed(made: Snapshot, asked: str) -> Plan:
    found = planned(made, asking(asked))
    assert found.refusal is None, found.refusal
    return found


def test_the_model_that_was_asked_for_comes_first_and_the_chain_follows_without_it() -> None:
    found = routed(policy(), "claude")
    assert [(one.tier, one.model, one.provider, one.why) for one in found.candidates] == [
        (1, "claude", "anthropic", "asked for"),
        (2, "gpt", "openai", "chain default"),
    ]
    assert (found.rule, found.chain) == ("", "default")


@pytest.mark.parametrize(("asked", "model", "why"), [("auto", "gpt", "default"), ("small", "gpt", "alias small")])
def test_auto_and_aliases(asked: str, model: str, why: str) -> None:
    first = routed(policy(tiers=()), asked).candidates[0]
    assert (first.model, first.why) == (model, why)


def test_the_first_rule_that_matches_wins_whatever_was_asked() -> None:
    rules = (Rule("no", when(False), "gpt"), Rule("odd", when("yes"), "gpt"), Rule("yes", when(True), "claude"), Rule("late", None, "gpt"))
    found = routed(policy(*rules), "gpt")
    assert (found.rule, found.candidates[0].why) == ("yes", "rule yes")
    assert (found.rules, found.passed_over) == ((("yes", "matched"),), 2)


def test_a_rule_that_fails_does_not_match_and_says_why() -> None:
    found = routed(policy(Rule("bad", when(EvaluationError("`/` by zero")), "claude")), "gpt")
    assert found.candidates[0].model == "gpt"
    assert (found.rules, found.passed_over) == ((("bad", "failed: `/` by zero"),), 1)


def test_a_record_keeps_the_first_of_many_failures() -> None:
    rules = [Rule(f"bad{number}", when(EvaluationError("…")), "claude") for number in range(FAILURES_MAX + 5)]
    found = routed(policy(*rules), "gpt")
    assert (len(found.rules), found.passed_over) == (FAILURES_MAX, FAILURES_MAX + 5)


def test_a_rule_reaches_a_caller_that_names_an_unknown_model() -> None:
    assert routed(policy(Rule("all", None, "claude")), "nobody").candidates[0].model == "claude"


def test_a_pattern_serves_names_that_the_policy_does_not_list() -> None:
    found = routed(policy(), "claude-opus-9")
    assert [one.model for one in found.candidates] == ["claude-opus-9", "gpt", "claude"]
    model = resolve(policy(), "claude-opus-9")
    assert model is not None
    assert (model.name, model.upstream_model, model.provider.name) == ("claude-opus-9", "claude-opus-9", "anthropic")
    assert resolve(policy(), "claude-") is None, "a star stands for something"
    listed = resolve(policy(), "claude")
    assert listed is not None
    assert listed.upstream_model == "claude-sonnet"


def test_an_unknown_model_is_refused_with_the_nearest_names() -> None:
    found = planned(policy(), asking("gtp"))
    fault = found.refusal
    assert found.candidates == ()
    assert fault is not None
    assert (fault.code, fault.status, fault.param, fault.detail) == ("model_not_found", 404, "model", {"nearest": ["gpt"]})
    assert "gpt" in fault.help
    far = planned(policy(), asking("zzzzzz")).refusal
    assert far is not None
    assert far.detail == {"nearest": []}


def test_an_unknown_model_may_get_the_default() -> None:
    first = routed(policy(unknown="default"), "nobody").candidates[0]
    assert (first.model, first.why) == ("gpt", "default, because nobody is unknown")


def test_auto_needs_a_default() -> None:
    without = msgspec.structs.replace(snapshot(), default="")
    told = planned(without, asking("auto")).refusal
    assert told is not None
    assert (told.code, told.status) == ("model_not_found", 404)
    assert "routing.default" in told.message
    assert routed(without, "claude").candidates[0].model == "claude"
