"""Where the confidence of a gate comes from is said, is used, and can be had."""

import pytest
from tests.language.policies import SMALL

from orchvynt.language.compile import load

GATE = """
gates:
  - {{name: unsure, stage: output, when: '{when}', {confidence}reviewers: people}}
groups: {{people: {{members: [ana@example.com]}}}}
"""


def problems(when: str, confidence: str = "") -> list[tuple[str, str]]:
    said = f"confidence: {{from: {confidence}, unknown: review}}, " if confidence else ""
    text = SMALL + GATE.format(when=when, confidence=said)
    return [(problem.severity, problem.message) for problem in load(text, "p.yaml").problems if "unused" not in problem.message]


@pytest.mark.parametrize("source", ["logprobs", "json:/confidence", '"json:/a~1b/0"'])
def test_a_source(source: str) -> None:
    assert [one for one in problems("confidence < 0.75", source) if one[0] == "error"] == []


def test_one_that_is_not_said() -> None:
    assert ("error", "gate `unsure` reads `confidence`, and nothing says where it comes from") in problems("confidence < 0.75")


def test_one_that_nothing_reads() -> None:
    said = "gate `unsure` says where `confidence` comes from, and its condition does not read it"
    assert ("warning", said) in problems("unusual", "logprobs")


@pytest.mark.parametrize("source", ["json", "json:", "json:confidence", '"json:/a~2"', '"json:/a~"', "judge", "judge:nobody", "guess"])
def test_one_that_cannot_be_had(source: str) -> None:
    assert [one for one in problems("confidence < 0.75", source) if one[0] == "error"]
