"""Every policy that the repository shows is one that this build accepts; warnings are allowed, as they speak of what callers may omit."""

import re

import pytest
from tests.architecture.house import ROOT

from orchvynt.language.compile import Loaded, load

# What a guide leaves out when it shows only the section that it is about.
AROUND = """\
version: 1
providers: {lab: {kind: ollama}}
models: {mistral: {provider: lab, price: free}}
routing: {default: mistral}
"""
PARTS = ("budgets:", "gates:", "keys:")


def _shown() -> dict[str, str]:
    """By place: the policies in the YAML blocks of the README and the guides, and the policy of the benchmark."""
    shown = {"bench/policy.yaml": (ROOT / "bench" / "policy.yaml").read_text(encoding="utf-8")}
    for page in (ROOT / "README.md", *sorted((ROOT / "docs" / "how-to").glob("*.md"))):
        blocks = re.findall(r"^```yaml\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        for number, block in enumerate(blocks, 1):
            if block.startswith(PARTS) or "\nrouting:" in block:
                shown[f"{page.name} block {number}"] = AROUND + block if block.startswith(PARTS) else block
    return shown


def test_the_readme_shows_a_policy() -> None:
    assert "README.md block 1" in _shown()


def errors(loaded: Loaded) -> list[str]:
    return [problem.text for problem in loaded.problems if problem.severity == "error"]


@pytest.mark.parametrize(("place", "text"), _shown().items(), ids=_shown())
def test_a_shown_policy_is_accepted(place: str, text: str) -> None:
    loaded = load(text, place)
    assert errors(loaded) == []
    assert loaded.snapshot is not None


def test_the_mistake_that_the_readme_shows_is_refused_as_it_says() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"^```text\n(orchvynt\.yaml:.*?)^```", readme, re.MULTILINE | re.DOTALL)
    assert shown is not None
    policy = _shown()["README.md block 1"].replace("use: gpt-4o-mini}", "use: gpt-4o-mimi}", 1)
    assert errors(load(policy, "orchvynt.yaml")) == [shown.group(1).rstrip("\n")]
