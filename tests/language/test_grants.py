"""Reviews of budgets, and what operators may grant: checked with their limit, and compiled."""

import pytest
from tests.language.policies import changed

from orchvynt.language.compile import load
from orchvynt.language.diff import diff
from orchvynt.language.snapshot import Breach, Budget, Limits, Snapshot

USD = "- {name: purse, scope: run, limit: {usd: 1}, on_breach: {review: {reviewers: finance, grant: [1, 2.50]}}}"
TOKENS = "- {name: purse, scope: run, limit: {tokens: 100}, on_breach: {review: {reviewers: finance, grant: [50]}}}"


def text(entry: str) -> str:
    return changed("  - {name: company", f"  {entry}\n  - {{name: company")


def compiled(entry: str) -> Snapshot:
    loaded = load(text(entry), "p.yaml")
    assert loaded.snapshot is not None, [problem.text for problem in loaded.problems]
    return loaded.snapshot


def purse(entry: str) -> Budget:
    return next(budget for budget in compiled(entry).budgets if budget.name == "purse")


def errors(entry: str) -> list[str]:
    return [problem.message for problem in load(text(entry), "p.yaml").problems if problem.severity == "error"]


def test_amounts_are_in_the_unit_of_the_limit() -> None:
    assert purse(USD).breach == Breach("review", reviewers="finance", grants=(10**9, 2_500_000_000))
    assert purse(TOKENS).breach == Breach("review", reviewers="finance", grants=(50,))
    assert purse(USD).grant_max is None
    assert purse(USD.replace("on_breach", "grant_max: {usd: 7}, on_breach")).grant_max == Limits(nanos=7 * 10**9)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[1, 2.50]", "[]", "`grant` is empty, so nothing could be granted"),
        ("[1, 2.50]", "[1, 1.0]", "`grant` names an amount twice"),
        ("[1, 2.50]", "[0]", "a limit must be more than zero"),
        ("[1, 2.50]", "[-1]", "a limit must be more than zero"),
        ("{usd: 1}", "{tokens: 100}", "`2.5` is no number of tokens, and the budget limits tokens"),
        ("{usd: 1}", "{usd: 1, tokens: 100}", "the budget limits both `usd` and `tokens`, so it is not clear what an approval grants"),
        ("reviewers: finance", "reviewers: nobody", "there is no group `nobody`"),
        ("on_breach", "grant_max: {tokens: 5}, on_breach", "`grant_max` is in `tokens`, which the budget does not limit"),
        ("on_breach", "grant_max: {}, on_breach", "`grant_max` is empty"),
    ],
)
def test_what_cannot_be_granted_is_refused(old: str, new: str, said: str) -> None:
    found = errors(USD.replace(old, new))
    assert any(said in message for message in found), found


def test_a_change_of_what_may_be_granted_is_told() -> None:
    more = diff(compiled(USD), compiled(USD.replace("2.50", "3")))
    assert more == ["budget purse: on_breach.review.grant [1 USD, 2.5 USD] → [1 USD, 3 USD]"]
    assert diff(compiled(USD), compiled(USD.replace("on_breach", "grant_max: {usd: 7}, on_breach"))) == [
        "budget purse: grant_max none → 7 USD"
    ]
