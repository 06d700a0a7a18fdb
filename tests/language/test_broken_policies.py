"""Broken policies: each is refused at its line and column, in words, with a suggestion where there is one."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.language.policies import LATER, RICH, SMALL, WHOLE, changed

from orchvynt.language.compile import load

BASES = {"document": WHOLE, "routing": RICH, "people": RICH, "gates": LATER, "later": LATER}
CORPUS = [
    (base, row)
    for name, base in BASES.items()
    for row in yaml.safe_load((Path(__file__).parent / "broken" / f"{name}.yaml").read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(("base", "row"), CORPUS, ids=[f"{row['at']} {row['said']}" for _, row in CORPUS])
def test_refused_where_it_is_wrong(base: str, row: dict[str, Any]) -> None:
    loaded = load(changed(row["replace"], row["by"], base), "p.yaml")
    assert loaded.snapshot is None
    errors = [problem for problem in loaded.problems if problem.severity == "error"]
    found = [problem for problem in errors if row["said"] in problem.message]
    assert found, [problem.text for problem in errors]
    assert f"{found[0].line}:{found[0].column}" == row["at"], found[0].text
    assert row.get("help", "") in found[0].help
    assert found[0].text.startswith(f"p.yaml:{found[0].line}:{found[0].column}: {found[0].message}")
    line, carets = found[0].excerpt.split("\n")
    assert line[carets.index("^")] not in (",", ":"), found[0].text


def test_the_corpus_is_large_enough() -> None:
    assert len(CORPUS) >= 200


def test_the_whole_policy_is_right() -> None:
    assert [problem.text for problem in load(WHOLE, "p.yaml").problems if problem.severity == "error"] == []


def test_all_problems_come_in_one_pass_in_the_order_of_the_file() -> None:
    text = changed("kind: ollama", "kind: olama")
    for old, new in (("use: small", "use: smal"), ("scope: workflow", "scope: flow"), ("reviewers: finance", "reviewers: nobody")):
        text = changed(old, new, text)
    problems = [problem for problem in load(text, "p.yaml").problems if problem.severity == "error"]
    assert [problem.line for problem in problems] == [6, 17, 30, 36]


def test_the_text_is_underlined() -> None:
    problem = load(changed("use: small", "use: smal"), "p.yaml").problems[0]
    shown, carets = problem.excerpt.split("\n")
    begin = carets.index("^")
    assert shown[begin : begin + carets.count("^")] == "smal"


def test_a_broken_item_is_not_a_missing_one() -> None:
    """What refers to a broken model is right: only the model itself is reported."""
    problems = [p for p in load(changed("quality: 0.79", "quality: high"), "p.yaml").problems if p.severity == "error"]
    assert len(problems) == 1
    assert problems[0].line == 10


@pytest.mark.parametrize("empty", ["", "# nothing\n", "[]", "hello", "1", "- a\n- b\n", "null"])
def test_what_is_no_policy_at_all(empty: str) -> None:
    loaded = load(empty, "p.yaml")
    assert loaded.snapshot is None
    assert loaded.problems[0].line == 1


def test_a_small_policy_is_enough() -> None:
    loaded = load(SMALL, "p.yaml")
    assert loaded.problems == ()
    assert loaded.snapshot is not None
    assert loaded.snapshot.chains == {}
    assert loaded.snapshot.retry.max_retries == 1


def test_almost_every_error_says_what_to_do() -> None:
    """Left are two of expressions, which quote what cannot be meant."""
    without = {
        problem.message
        for base, row in CORPUS
        for problem in load(changed(row["replace"], row["by"], base), "p.yaml").problems
        if not problem.help
    }
    assert without == {"a string is never equal to a number", "unexpected `x`"}
