"""What this build does not execute is checked like all else and then refused: once, by its name, at its place. Nothing is ignored."""

import re

import pytest
from tests.language.policies import LATER, RICH, WHOLE, changed

from orchvynt.language.compile import load
from orchvynt.language.document.section import Later, Section, fields_of
from orchvynt.language.problems import Problem
from orchvynt.language.schema import json_schema, sections

MARKS = [(path, cls, name, mark) for path, cls in sections().items() for name, mark in cls.later.items()]
SAID = "not supported yet: "


def _errors(text: str) -> list[Problem]:
    return [problem for problem in load(text, "p.yaml").problems if problem.severity == "error"]


REFUSED = _errors(LATER)


def test_everything_else_about_them_is_right() -> None:
    assert [problem.text for problem in REFUSED if not problem.message.startswith(SAID)] == []


@pytest.mark.parametrize(("path", "section", "name", "mark"), MARKS, ids=[f"{path}.{name}" for path, _, name, _ in MARKS])
def test_every_mark_is_told(path: str, section: type[Section], name: str, mark: Later) -> None:
    assert name in fields_of(section), "a mark stands beside a field"
    place = re.escape(f"{path}.{name}".lstrip(".")).replace(re.escape("[]"), r"\[\d+\]").replace("NAME", "[^.]+")
    found = [problem for problem in REFUSED if re.fullmatch(place + (r"(\[\d+\])?" if mark.items else ""), problem.path)]
    assert found, place
    for problem in found:
        named = re.match(rf"{SAID}`([^`]*)`", problem.message)
        assert named is not None
        line = LATER.split("\n")[problem.line - 1][problem.column - 1 :]
        assert line.startswith(named[1]) or mark.items, problem.text
        if not mark.words:
            assert named[1] == name


def test_each_is_told_once() -> None:
    places = [(problem.line, problem.column) for problem in REFUSED]
    assert len(places) == len(set(places))
    assert [problem for problem in REFUSED if ".steps" in problem.path or "breaker." in problem.path] == [], (
        "what is below is not told again"
    )


def test_the_schema_says_so() -> None:
    schema = json_schema()
    for path, section, name, _ in MARKS:
        properties = (schema["$defs"][section.__name__] if path else schema)["properties"]
        assert "Not supported yet" in properties[name]["description"], (path, name)


SAME_AS_NOW = [
    ("quorum: 1", "quorum: 1, not_requester: false, on_reject: error, mode: before_delivery, enforce: true"),
    ("window: day", "window: day, missing: shared, on_breach: reject, enforce: true"),
]


@pytest.mark.parametrize(("old", "new"), SAME_AS_NOW)
def test_what_says_what_this_build_does_anyway_is_accepted(old: str, new: str) -> None:
    assert [problem.text for problem in _errors(changed(old, new, RICH))] == []


def test_what_is_wrong_inside_is_told_as_well() -> None:
    added = "passthrough: [{path: audio, provider: openai}]\nfallback:\n"
    found = [problem.message for problem in _errors(changed("fallback:\n", added))]
    assert found == ["not supported yet: `passthrough` (passing further paths through)", "`audio` is not a path"]


def test_the_other_policies_name_none_of_them() -> None:
    for text in (WHOLE, RICH):
        assert not any(problem.message.startswith(SAID) for problem in load(text, "p.yaml").problems)
