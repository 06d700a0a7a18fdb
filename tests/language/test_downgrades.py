"""Budgets that downgrade, shorten or only tell: what they compile to, and what cannot be meant."""

import pytest
from tests.language.policies import SMALL, WHOLE, changed

from orchvynt.language.compile import load
from orchvynt.language.compiled_budgets import UNLIMITED, Breach, Limits
from orchvynt.language.problems import Problem
from orchvynt.language.snapshot import Budget

DOWNGRADE = "on_breach: {downgrade: small, ceiling: {usd: 5}}"


def budget(breach: str, more: str = "") -> Budget:
    loaded = load(changed("on_breach: reject}", f"{breach}{more}}}"), "p.yaml")
    assert loaded.snapshot is not None, [problem.text for problem in loaded.problems]
    return loaded.snapshot.budgets[0]


def said(text: str, severity: str = "error") -> list[Problem]:
    return [problem for problem in load(text, "p.yaml").problems if problem.severity == severity and "on_breach" in problem.path]


def test_what_they_compile_to() -> None:
    assert budget(DOWNGRADE).breach == Breach("downgrade", "gpt-4o-mini", Limits(nanos=5_000_000_000))
    assert budget("on_breach: {downgrade: mistral}").breach == Breach("downgrade", "mistral", UNLIMITED)
    assert budget("on_breach: clamp").breach == Breach("clamp")
    assert budget("on_breach: reject", ", alert_at: [80%, 50%, 80%]").alert_at == (5_000, 8_000)
    assert budget("on_breach: alert").alert_at == (10_000,), "one that only tells, tells at the end"
    assert budget("on_breach: reject").alert_at == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (changed("on_breach: reject", "on_breach: {downgrade: gpt-4o-mni}"), "there is no model `gpt-4o-mni`"),
        (changed("on_breach: reject", "on_breach: {downgrade: claude-haiku-4-5}"), "there is no model `claude-haiku-4-5`"),
        (SMALL + "budgets: [{name: b, scope: run, limit: {tokens: 9000}, on_breach: {downgrade: mistral}}]\n", "the only model"),
        (
            changed("on_breach: reject", "on_breach: {downgrade: mistral}") + "constraints: [{regions: [eu]}]\n",
            "`mistral` is served in no known region",
        ),
        (changed("on_breach: reject", "on_breach: {downgrade: mistral, ceiling: {usd: 2}}"), "not above the limit"),
        (changed("on_breach: reject", "on_breach: {downgrade: mistral, ceiling: {tokens: 2}}"), "no limit in tokens"),
    ],
)
def test_what_cannot_be_meant(text: str, words: str) -> None:
    found = said(text)
    assert [problem for problem in found if words in problem.message], [problem.text for problem in found]


@pytest.mark.parametrize(
    ("breach", "keys", "words"),
    [
        ("on_breach: {downgrade: claude}", "", "the dearest model of all"),
        (DOWNGRADE, "keys: [{name: a, allow_models: [gpt-4o]}, {name: b}]\n", "callers with the key `a` may not use `gpt-4o-mini`"),
        (DOWNGRADE, "keys: [{name: a, allow_models: [gpt-4o]}]\n", "no key may use `gpt-4o-mini`"),
    ],
)
def test_what_is_worth_a_warning(breach: str, keys: str, words: str) -> None:
    found = said(changed("on_breach: reject", breach) + keys, "warning")
    assert [problem for problem in found if words in problem.message], [problem.text for problem in found]


def test_who_may_use_it_by_alias_or_pattern_draws_none() -> None:
    keys = 'keys: [{name: a, allow_models: [small]}, {name: b, allow_models: ["gpt-*"]}, {name: c}]\n'
    assert said(changed("on_breach: reject", DOWNGRADE) + keys, "warning") == []


def test_a_destination_that_only_a_budget_names_is_used() -> None:
    hook = 'notify: {oncall: {webhook: "https://hooks.example/oncall", secret: "${env:HOOK_SECRET}"}}\n'
    text = changed("on_breach: reject}", "on_breach: reject, alert_at: [50%], notify: [oncall]}", WHOLE) + hook
    assert [problem.text for problem in load(text, "p.yaml").problems if "oncall" in problem.message] == []


@pytest.mark.parametrize("breach", ["on_breach: reject", "on_breach: clamp", "on_breach: alert", DOWNGRADE.replace("usd: 5", "tokens: 90")])
def test_a_limit_may_be_as_good_as_spent_from_the_start(breach: str) -> None:
    """What nobody wrote contradicts nothing: only a `min_output_tokens` that is written can be more than the limit."""
    text = changed("limit: {usd: 2.50}", "limit: {tokens: 1}").replace("on_breach: reject}", f"{breach}}}", 1)
    assert load(text, "p.yaml").snapshot is not None
    loaded = load(text.replace("limit: {tokens: 1}", "limit: {tokens: 1}, min_output_tokens: 2", 1), "p.yaml")
    problems = [problem.message for problem in loaded.problems if problem.severity == "error"]
    if "alert" in breach:
        assert not problems, "it refuses nothing"
    else:
        assert problems == ["`min_output_tokens` (2) is more than the whole limit (1)"]
