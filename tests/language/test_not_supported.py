"""Every name of the language that this build does not have is refused by its name and at its place; nothing is ignored."""

import pytest
from tests.language.policies import WHOLE, changed

from orchvynt.language.compile import load
from orchvynt.language.document.limits import BudgetEntry, GateEntry, LimitEntry
from orchvynt.language.document.policy import JournalEntry, PolicyDocument
from orchvynt.language.document.providers import ModelEntry
from orchvynt.language.document.routing import ChainEntry, FallbackEntry, RetryEntry, RuleEntry
from orchvynt.language.document.section import Section

FIELDS: list[tuple[type[Section], str, str]] = [
    (ModelEntry, "  mistral:     {provider: lab, ", "  mistral:     {provider: lab, "),
    (RuleEntry, "    - {name: cheap, ", "    - {name: cheap, "),
    (RetryEntry, "  retry: {", "  retry: {"),
    (ChainEntry, "      tiers: [gpt-4o, claude, mistral]\n", "      "),
    (FallbackEntry, "fallback:\n", "  "),
    (BudgetEntry, "  - {name: company, ", "  - {name: company, "),
    (LimitEntry, "limit: {usd: 2.50", "limit: {usd: 2.50, "),
    (GateEntry, "  - name: financial-decision\n", "    "),
    (JournalEntry, "journal: {", "journal: {"),
    (PolicyDocument, "timezone: UTC\n", ""),
]
"""Where a field of each section can be put: after a text, in a flow or on a line of its own."""

CASES = [(section, name, after, lead) for section, after, lead in FIELDS for name in section.later]


def _with_field(name: str, after: str, lead: str) -> str:
    if after.endswith("\n"):
        return changed(after, f"{after}{lead}{name}: whatever\n")
    if lead == after:
        return changed(after, f"{after}{name}: whatever, ")
    return changed(after, f"{after}, {name}: whatever")


@pytest.mark.parametrize(("section", "name", "after", "lead"), CASES, ids=[f"{case[0].__name__}.{case[1]}" for case in CASES])
def test_a_field_of_a_later_build(section: type[Section], name: str, after: str, lead: str) -> None:
    text = _with_field(name, after, lead)
    loaded = load(text, "p.yaml")
    assert loaded.snapshot is None
    problem = next(problem for problem in loaded.problems if problem.message.startswith(f"not supported yet: `{name}`"))
    line = text.split("\n")[problem.line - 1]
    assert line[problem.column - 1 :].startswith(f"{name}: whatever")


VALUES = [
    ("on_breach: reject", "on_breach: clamp", "`clamp`"),
    ("on_breach: reject", "on_breach: alert", "`alert`"),
    ("on_breach: reject", "on_breach: {downgrade: gpt-4o-mini}", "`downgrade`"),
    ("on_breach: reject", "on_breach: {review: {reviewers: leads, grant: [1, 5]}}", "`review`"),
    ("window: day", "window: rolling 24h", "`rolling 24h`"),
    ("mid_stream: fail", "mid_stream: continue", "`continue`"),
    ("mid_stream: fail", "mid_stream: restart", "`restart`"),
    ("status_503", "latency", "`latency`"),
    ("stage: output", "stage: input", "`input`"),
    ("stage: output", "stage: tool_call", "`tool_call`"),
    ("[{after: 60m, do: reject}]", "[{after: 60m, to: finance}, {after: 120m, do: reject}]", "more than one escalation step"),
    ("    default:\n", "    cheap: {tiers: [mistral], triggers: [rate_limit]}\n    default:\n", "the chain `cheap`"),
    ("timezone: UTC", "timezone: Asia/Tokyo", "the timezone `Asia/Tokyo`"),
    ('"financial-action" in flags', "confidence < 0.75", "`confidence`"),
    ('"financial-action" in flags', 'detects("iban", "credit_card")', "`detects`"),
    ('"financial-action" in flags', "unusual", "`unusual`"),
    ('"financial-action" in flags', 'tool.name in ["refund", "delete_account"]', "`tool.name`"),
    ('workload == "classification"', "quality >= 0.85 && p95_ms < 8000", "`p95_ms`"),
    ('workload == "classification"', "activation_rate > 0.1", "`activation_rate`"),
]


@pytest.mark.parametrize(("old", "new", "name"), VALUES, ids=[case[1] for case in VALUES])
def test_a_value_of_a_later_build(old: str, new: str, name: str) -> None:
    loaded = load(changed(old, new), "p.yaml")
    assert loaded.snapshot is None
    assert any(problem.message.startswith(f"not supported yet: {name}") for problem in loaded.problems), [p.text for p in loaded.problems]


def test_a_broken_rule_is_not_also_missing_its_model() -> None:
    """A rule with `split` instead of `use` has one thing wrong with it, not two."""
    loaded = load(changed("use: small", "split: {gpt-4o: 70%, claude: 30%}"), "p.yaml")
    errors = [problem.message for problem in loaded.problems if problem.severity == "error"]
    assert len(errors) == 1
    assert errors[0].startswith("not supported yet: `split`")


def test_no_field_is_read_by_two_builds() -> None:
    for section, _, _ in FIELDS:
        assert not set(section.later) & set(section.model_fields), section


def test_the_whole_policy_names_none_of_them() -> None:
    assert not any(problem.message.startswith("not supported yet") for problem in load(WHOLE, "p.yaml").problems)
