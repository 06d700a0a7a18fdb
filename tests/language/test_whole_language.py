"""The whole language in one document: each part of it compiles, or is refused with exactly the names that this build does not have."""

import re
from pathlib import Path

import pytest
import yaml

from orchvynt.language.compile import load
from orchvynt.language.document.policy import PolicyDocument
from orchvynt.language.document.section import fields_of
from orchvynt.language.problems import Problem

TEXT = (Path(__file__).parent / "whole_language.yaml").read_text(encoding="utf-8")
SECTIONS = {part.split(":")[0]: part for part in re.split(r"(?m)^(?=[a-z_]+:)", TEXT) if not part.startswith("#")}
ALWAYS = ("version", "providers", "models", "groups", "keys", "notify")
"""What other sections refer to."""

NOT_YET = {
    "version": [],
    "timezone": [],
    "providers": [],
    "models": [],
    "routing": ["canary", "shadow"],
    "fallback": [],
    "budgets": [],
    "rate_limits": [],
    "gates": [],
    "groups": [],
    "keys": [],
    "constraints": [],
    "notify": [],
    "journal": ["keep_records"],
    "telemetry": ["otlp"],
    "outage": [],
    "enforce": [],
    "tests": [],
}
"""Of each section, the names that are told, in the order of the file."""


def _errors(text: str) -> list[Problem]:
    return [problem for problem in load(text, "p.yaml").problems if problem.severity == "error"]


def _refused(text: str) -> list[str]:
    """The names that are not supported yet; anything else that is wrong fails the test."""
    found = []
    for problem in _errors(text):
        said = re.match(r"not supported yet: `([^`]*)`", problem.message)
        assert said is not None, problem.text
        line = text.split("\n")[problem.line - 1][problem.column - 1 :]
        assert line.lstrip("\"'{").startswith(said[1]) or said[1] == "escalation", problem.text
        found.append(said[1])
    return found


def test_the_document_has_every_section() -> None:
    assert set(SECTIONS) == set(NOT_YET)
    assert set(fields_of(PolicyDocument)) - set(SECTIONS) == {"passthrough", "presidio", "protected"}


@pytest.mark.parametrize("name", NOT_YET)
def test_each_section_alone(name: str) -> None:
    text = "".join(SECTIONS[part] for part in dict.fromkeys((*ALWAYS, name)))
    assert _refused(text) == sorted_in_file(name)


def sorted_in_file(name: str) -> list[str]:
    """With `notify`, which other sections refer to, at its place in the file: before those that come after it."""
    order = list(dict.fromkeys((*ALWAYS, name)))
    return [refused for part in order for refused in NOT_YET[part]]


def test_the_whole_document() -> None:
    assert _refused(TEXT) == [name for section in SECTIONS for name in NOT_YET[section]]


RULES = yaml.safe_load(SECTIONS["routing"])["routing"]["rules"]


@pytest.mark.parametrize("rule", RULES, ids=[rule["name"] for rule in RULES])
def test_each_rule_alone(rule: dict[str, object]) -> None:
    base = "".join(SECTIONS[part] for part in ("version", "providers", "models"))
    text = base + yaml.safe_dump({"routing": {"rules": [rule]}}, sort_keys=False)
    expected = {"support-rollout": ["canary"], "shadow-mistral": ["shadow"]}.get(str(rule["name"]), [])
    assert _refused(text) == expected
    assert (load(text, "p.yaml").snapshot is None) == bool(expected)


def test_what_is_executed_of_it_compiles() -> None:
    """The document without the lines that hold what is refused, and with what they leave said otherwise."""
    kept = "".join(
        SECTIONS[part]
        for part in ("version", "timezone", "providers", "models", "groups", "keys", "constraints", "outage", "enforce", "tests")
    )
    rules = [rule for rule in RULES if "canary" not in rule and "shadow" not in rule]
    text = kept + yaml.safe_dump({"routing": {"rules": rules, "default": "gpt-4o-mini", "unknown_model": "refuse"}}, sort_keys=False)
    text += "fallback: {chains: {default: {tiers: [gpt-4o, claude, mistral]}}}\njournal: {keep_bodies: never, sync: process}\n"
    snapshot = load(text, "p.yaml").snapshot
    assert snapshot is not None, [problem.text for problem in _errors(text)]
    assert [rule.name for rule in snapshot.rules] == ["cheap-classification", "quality-floor", "validate-claude"]
    assert snapshot.keys["doc-team"].fixed.context == {"team": "docs"}
    assert [test.name for test in snapshot.tests] == [
        "classification never uses the expensive model",
        "an outage of openai lands on claude",
    ]
    assert snapshot.constraints[0].regions == {"eu"}
    assert (snapshot.outage.closed_after_ns, snapshot.outage.buffer) == (30_000_000_000, 10_000)
