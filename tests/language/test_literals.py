"""A word that a condition compares a model, a provider or a chain with is one of the policy's, or it is said where it stands."""

import pytest

from orchvynt.language.compile import load

POLICY = """
version: 1
providers: {local: {kind: ollama, base_url: "http://127.0.0.1:9"}}
models:
  {big: {provider: local, price: free, aliases: [large]}, small: {provider: local, price: free}, "llama-*": {provider: local, price: free}}
routing:
  rules: [{name: one, when: 'workflow == "a"', choose: {from: [big, small], where: 'WHERE'}}]
  default: big
fallback:
  chains: {default: {tiers: [small], triggers: [rate_limit]}}
  alerts: [{when: 'ALERT', window: 5m, notify: [hook]}]
notify: {hook: {webhook: "https://hooks.example/x", secret: "${env:HOOK_SECRET}"}}
groups: {people: {members: [ana@example.com]}}
gates: [{name: g, stage: output, when: 'WHEN', reviewers: people}]
"""


def said(when: str = "tier > 1", where: str = "quality > 0.1", alert: str = "activation_rate > 0.1") -> list[tuple[str, str]]:
    text = POLICY.replace("WHERE", where).replace("ALERT", alert).replace("WHEN", when)
    return [(one.message, one.help) for one in load(text, "p.yaml").problems if one.severity == "error"]


@pytest.mark.parametrize(
    "when",
    [
        'model == "big"',
        '"small" != model',
        'model in ["big", "small"]',
        'model == "llama-3"',
        'model == requested_model',
        'model.startsWith("nobody")',
        'requested_model == "nobody"',
        'provider != ""',
        'output.finish in ["length", ""]',
        'context.model == "nobody"',
        'flags.exists(f, f == "nobody") || stream',
    ],
)  # fmt: skip
def test_what_the_policy_has_may_stand_there(when: str) -> None:
    assert said(when) == []


@pytest.mark.parametrize(
    ("when", "message", "help"),
    [
        ('model == "bug"', "there is no model `bug`", "Did you mean `big`?"),
        ('model in ["big", "zzzzzz"]', "there is no model `zzzzzz`", "There are big, small."),
        ('model == ""', "there is no model ``", "There are big, small"),
        ('!("large" == model)', "`model` is never `large`, which is an alias", "Write `big`"),
        ('provider == "locol"', "there is no provider `locol`", "Did you mean `local`?"),
        ('flags.all(f, stream ? model == "bug" : true)', "there is no model `bug`", "big"),
        ('output.finish == "stopped"', "there is no way for an answer to end `stopped`", "Did you mean `stop`?"),
    ],
)
def test_what_it_has_not_is_refused(when: str, message: str, help: str) -> None:
    ((found, advice),) = said(when)
    assert found == message
    assert help in advice


def test_wherever_a_condition_stands() -> None:
    assert [message for message, _ in said(where='model != "bug"')] == ["there is no model `bug`"]
    assert [message for message, _ in said(alert='chain == "cheap"')] == ["there is no chain `cheap`"]
    assert said(alert='chain == "default" && provider == "local"') == []
