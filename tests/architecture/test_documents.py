"""What the documents promise is so: pages are fresh, words and codes explained, commands and targets exist, links lead somewhere."""

import re
import subprocess
import sys
import tomllib

import pytest
from tests.architecture.house import ROOT

from orchvynt.model.faults import ERRORS_PAGE, KINDS

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


@pytest.mark.parametrize("generator", sorted(path.name for path in (ROOT / "docs").glob("generate_*.py")))
def test_the_generated_pages_are_fresh(generator: str) -> None:
    command = [sys.executable, f"docs/{generator}", "--check"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr


def test_the_link_in_every_error_leads_to_its_code() -> None:
    """`doc_url` is this page, and the heading's anchor is the code."""
    page = (ROOT / ERRORS_PAGE).read_text(encoding="utf-8")
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
    named = [*content["project"]["dependencies"], *(name for group in content["dependency-groups"].values() for name in group)]
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
        found.add((first, second) if first in {"reviews", "policy", "tokens", "keys", "people"} and second else (first,))
    return found


# One process asks all: starting one for each command would take most of the time of `make check`.
ASK_ALL = """
import contextlib, io, sys
from orchvynt.assembly.main import main
for command in sys.argv[1:]:
    sys.argv = ["orchvynt", *command.split(), "--help"]
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            main()
    except SystemExit as ended:
        if ended.code:
            print(command)
"""


def test_the_commands_of_the_documents_exist() -> None:
    guides = [ROOT / "README.md", *(ROOT / "docs" / "how-to").glob("*.md"), *(ROOT / "docs" / "reference").glob("*.md")]
    named = {" ".join(command) for page in guides for command in _commands(page.read_text(encoding="utf-8"))}
    assert len(named) >= 20
    result = subprocess.run([sys.executable, "-c", ASK_ALL, *sorted(named)], capture_output=True, text=True, timeout=60, check=False)
    assert (result.stdout, result.stderr) == ("", "")


def test_targets_named_in_documents_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {target for page in PAGES for target in re.findall(r"\bmake ([a-z-]+)\b", _code(page.read_text(encoding="utf-8")))}
    assert {"demo", "test", "check", "bench"} <= targets
    assert named <= targets


def _anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_between_documents_lead_somewhere() -> None:
    broken = []
    for page in PAGES:
        for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8")):
            if "://" in target:
                continue
            to = page.parent / target if target else page
            if not to.exists() or (anchor and anchor not in _anchors(to.read_text(encoding="utf-8"))):
                broken.append(f"{page.relative_to(ROOT)}: {target}#{anchor}")
    assert not broken


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = [*(ROOT / "docs" / "how-to").glob("*.md"), *(ROOT / "docs" / "reference").glob("*.md")]
    assert {page.name for page in pages if f"({page.parent.name}/{page.name})" not in index} == set()


def test_the_licence_is_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert len(text) > 11_000
