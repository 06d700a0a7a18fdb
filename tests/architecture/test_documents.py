"""What the documents promise is so: pages are fresh, words and codes explained, commands and targets exist, links lead somewhere."""

import re
import subprocess
import sys
import tomllib

import pytest
from tests.architecture.house import ROOT

from orchvynt.model.faults import KINDS

WORDS = """
invocation attempt agent workflow run session workload flags context model provider rule chain tier budget hold receipt gate review decision
snapshot fact record trigger plan policy journal store window scope settle park join
"""
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "bench").glob("*.md")])
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _code(page: str) -> str:
    """The code blocks and code spans of a page."""
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL))
    return "\n".join([*blocks, *spans])


def test_the_page_of_errors_is_fresh() -> None:
    result = subprocess.run(
        [sys.executable, "docs/generate_errors.py", "--check"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stderr


def test_every_error_code_is_documented() -> None:
    page = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    assert {code for code in KINDS if f"\n## {code}\n" not in page} == set()


def test_the_glossary_has_every_word() -> None:
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    explained = re.findall(r"^\| ([a-z][a-z -]+) \| .{20,} \|$", glossary, re.MULTILINE)
    assert not set(WORDS.split()) - set(explained)
    assert len(explained) == len(set(explained)), "one word for one thing"


def test_decisions_are_numbered_without_gaps() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [page.name[:3] for page in pages] == [f"{number:03}" for number in range(len(pages))]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {page.name[:3]}: "), page.name
        headings = ("**Status:**", "\n## Decision\n", "\n## Reasons\n", "\n## Consequences\n")
        assert [text.count(heading) for heading in headings] == [1, 1, 1, 1], f"{page.name}: see 000-template.md"


def test_every_dependency_has_its_reason() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        content = tomllib.load(file)
    named = [*content["project"]["dependencies"], *content["dependency-groups"]["dev"]]
    named += [name for extra in content["project"]["optional-dependencies"].values() for name in extra]
    packages = {match.group() for line in named if (match := re.match(r"[A-Za-z0-9-]+", line))}
    page = (ROOT / "docs" / "decisions" / "001-dependencies.md").read_text(encoding="utf-8")
    rows = {match.group(1): match.group(2) for match in re.finditer(r"^\| ([A-Za-z0-9-]+)(?: \([^)]*\))? \| (.+) \|$", page, re.MULTILINE)}
    assert not packages - set(rows)


def test_the_readme_names_the_test_command_that_ci_runs() -> None:
    block = re.search(r"^<!-- test command -->\n```sh\n(.+?)\n```$", README, re.MULTILINE)
    assert block is not None
    assert block.group(1) == "make test"


def _commands(page: str) -> set[tuple[str, ...]]:
    """Each `orchvynt COMMAND` of a page, with its subcommand where it is a group of commands."""
    found: set[tuple[str, ...]] = set()
    for first, second in re.findall(r"(?:^|[^\w/.-])orchvynt ([a-z][a-z-]+)(?: ([a-z]+)\b)?", _code(page), re.MULTILINE):
        found.add((first, second) if first in {"reviews", "policy", "tokens"} and second else (first,))
    return found


@pytest.mark.parametrize("command", sorted(_commands(README)), ids=" ".join)
def test_a_command_of_the_readme_exists(command: tuple[str, ...]) -> None:
    program = "import sys; from orchvynt.assembly.main import main; sys.exit(main())"
    result = subprocess.run([sys.executable, "-c", program, *command, "--help"], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr


def test_targets_named_in_documents_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    named = {target for page in PAGES for target in re.findall(r"\bmake ([a-z]+)\b", _code(page.read_text(encoding="utf-8")))}
    assert {"demo", "test", "check", "bench"} <= targets
    assert named <= targets


def test_links_between_documents_lead_somewhere() -> None:
    broken = []
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert not broken


def test_the_licence_is_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert len(text) > 11_000
