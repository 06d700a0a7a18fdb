"""The tests that the documents show are run: they pass, and what a guide shows of their output is what they print."""

import re

import pytest
from tests.architecture.house import ROOT
from tests.rehearsal.policies import rehearse

GUIDE = (ROOT / "docs" / "how-to" / "test-a-policy.md").read_text(encoding="utf-8")


def _shown() -> dict[str, str]:
    """The policies with tests in the YAML blocks of the README and the guides."""
    shown: dict[str, str] = {}
    for page in (ROOT / "README.md", *sorted((ROOT / "docs" / "how-to").glob("*.md"))):
        blocks = re.findall(r"^```yaml\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        shown |= {f"{page.name} block {number}": block for number, block in enumerate(blocks, 1) if "\ntests:" in block}
    return shown


def test_the_guide_shows_a_policy_with_tests() -> None:
    assert "test-a-policy.md block 1" in _shown()


@pytest.mark.parametrize("text", _shown().values(), ids=_shown())
def test_the_tests_that_are_shown_pass(text: str) -> None:
    told = rehearse(text)
    assert [problem.text for problem in told.problems if problem.severity == "error"] == []
    assert [unmet.problem.text for item in told.items for unmet in item.unmet] == []
    assert told.items


def test_the_guide_shows_what_is_printed() -> None:
    items = rehearse(_shown()["test-a-policy.md block 1"]).items
    table = re.search(r"^\$ orchvynt test orchvynt.yaml\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    assert table is not None
    for line in table.group(1).splitlines()[1:-1]:
        name, result, verdict = re.split(r" {2,}", line)
        assert (result, verdict) in [("passed", item.verdict) for item in items if item.name == name]


def test_the_guide_shows_the_failure_as_it_is_told() -> None:
    text = _shown()["test-a-policy.md block 1"].replace("{model: claude, tier: 2", "{model: gpt-4o, tier: 2")
    (item,) = [item for item in rehearse(text).items if not item.passed]
    (unmet,) = item.unmet
    shown = re.search(r"^```text\n(orchvynt\.yaml:.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    assert shown is not None
    assert shown.group(1) == f"{unmet.problem.text}\n  verdict: {item.verdict}\n"
