"""What the section `fallback` becomes: chains by condition, breakers, the retry budget; and what of it would do nothing."""

import pytest
from tests.language.policies import WHOLE, changed

from orchvynt.language.compile import load
from orchvynt.language.diff import diff
from orchvynt.language.snapshot import Breaking, Snapshot

MORE = """\
  breaker: {window: 20s, min_calls: 5, error_rate: 12.5%, open_for: 3s, probes: 1}
  use:
    - {when: 'workflow == "triage"', chain: cheap}
    - {chain: slow}
  chains:
    cheap: {tiers: [small, mistral], triggers: [rate_limit, policy, status_503], mid_stream: restart}
    slow: {tiers: [gpt-4o, claude], latency_p99: 9s, mid_stream: continue}
"""
POLICY = changed("respect_retry_after: 20s}", "respect_retry_after: 20s, budget: 5%}", changed("  chains:\n", MORE))
SECOND = 1_000_000_000


def compiled(text: str) -> Snapshot:
    loaded = load(text, "p.yaml")
    assert loaded.snapshot is not None, [problem.text for problem in loaded.problems]
    return loaded.snapshot


def problems(old: str, new: str) -> list[tuple[str, str]]:
    return [
        (problem.severity, problem.message) for problem in load(changed(old, new, POLICY), "p.yaml").problems if "fallback" in problem.path
    ]


def test_all_of_it_is_compiled() -> None:
    made = compiled(POLICY)
    assert made.retry.budget == 500
    assert made.breaking == Breaking(20 * SECOND, 5, 1_250, 3 * SECOND, 1)
    assert [(use.when.text if use.when else "", use.chain) for use in made.chain_uses] == [('workflow == "triage"', "cheap"), ("", "slow")]
    assert list(made.chains) == ["cheap", "slow", "default"]
    cheap, slow = made.chains["cheap"], made.chains["slow"]
    assert cheap.tiers == ("gpt-4o-mini", "mistral")
    assert cheap.triggers == {"rate_limit", "policy", "status_503"}
    assert cheap.mid_stream == "restart"
    assert (slow.latency_p99_ns, slow.mid_stream) == (9 * SECOND, "continue")
    assert "latency" in slow.triggers, "`latency_p99` implies it"
    assert not {"latency", "policy", "content_filter"} & made.chains["default"].triggers


@pytest.mark.parametrize(
    ("word", "help"),
    [("status_5xx", "Did you mean `status_503`?"), ("rate_limt", "Did you mean `rate_limit`?"), ("whatever", "policy, status_503.")],
)
def test_a_trigger_that_is_none_is_told_the_words_and_that_a_status_is_one(word: str, help: str) -> None:
    found = load(changed("[rate_limit, policy, status_503]", f"[rate_limit, {word}]", POLICY), "p.yaml").problems
    assert [problem.help.endswith(help) for problem in found if problem.severity == "error"] == [True]


def test_how_a_model_continues_is_the_policys_word_or_what_is_known() -> None:
    made = compiled(changed("{provider: openai, quality: 0.79", "{provider: openai, continues: never, quality: 0.79", POLICY))
    known = {name: model.continues for name, model in made.models.items()}
    assert known == {"gpt-4o": "instruct", "gpt-4o-mini": "never", "claude": "prefill", "mistral": "prefill", "custom": "instruct"}


def test_a_use_behind_one_that_serves_everything_is_never_reached() -> None:
    found = problems("    - {chain: slow}\n", "    - {chain: slow}\n    - {when: 'workflow == \"x\"', chain: cheap}\n")
    assert found == [("error", "this is never reached: the chain `slow` before it serves everything")]


def test_a_use_with_the_condition_of_an_earlier_one_is_never_reached() -> None:
    found = problems("    - {chain: slow}\n", "    - {when: 'workflow  ==  \"triage\"', chain: slow}\n")
    assert found == [("error", "this is never reached: an entry before it has the same condition")]


def test_a_chain_that_nothing_uses_is_worth_a_warning() -> None:
    assert problems("    - {chain: slow}\n", "") == [("warning", "no invocation uses the chain `slow`")]


def test_the_trigger_latency_needs_a_bound() -> None:
    assert problems("[rate_limit, policy,", "[rate_limit, latency,") == [
        ("error", "`latency` has no bound: the chain has no `latency_p99`")
    ]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("error_rate: 12.5%", "error_rate: 50%", "fallback.breaker: error_rate 12.5% → 50%"),
        ("open_for: 3s", "open_for: 1m", "fallback.breaker: open_for 3s → 1m"),
        ("budget: 5%", "budget: 10%", "fallback.retry: budget 5% → 10%"),
        ("latency_p99: 9s", "latency_p99: 8s", "chain slow: latency_p99 9s → 8s"),
        ("mid_stream: restart", "mid_stream: fail", "chain cheap: mid_stream restart → fail"),
        ("    - {chain: slow}\n", "", 'fallback.use: cheap when `workflow == "triage"`, slow → cheap when `workflow == "triage"`'),
    ],
)
def test_a_change_in_words(old: str, new: str, line: str) -> None:
    assert diff(compiled(POLICY), compiled(changed(old, new, POLICY))) == [line]


def test_the_whole_policy_without_it_means_the_defaults() -> None:
    made = compiled(WHOLE)
    assert (made.breaking, made.chain_uses, made.retry.budget) == (Breaking(), (), 1_000)
