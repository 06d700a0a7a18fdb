"""What a new policy makes of spend: what it carries, and what starts anew, in words."""

import msgspec
import pytest
from tests.language.policies import WHOLE, changed

from orchvynt.language.compile import load
from orchvynt.language.compiled import Expression
from orchvynt.language.snapshot import Budget, Limits
from orchvynt.language.spending import carried, spending_changes

DAILY = Budget("a", "workflow", None, "day", Limits(tokens=5), timezone="UTC")


def like(**changes: object) -> Budget:
    return msgspec.structs.replace(DAILY, **changes)


def by(text: str) -> Expression:
    return Expression(text, lambda _: None, frozenset())


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ([DAILY], [like(limits=Limits(tokens=9))], []),
        ([DAILY], [DAILY, like(name="b")], []),
        ([DAILY], [like(window="week")], ["budget a starts anew at zero: its window is another one"]),
        (
            [like(window="rolling", rolls_ns=5)],
            [like(window="rolling", rolls_ns=6)],
            ["budget a starts anew at zero: its window is another one"],
        ),
        ([DAILY], [like(scope="run")], ["budget a starts anew at zero: it counts by run instead of workflow"]),
        (
            [DAILY],
            [like(scope=None, by=by(" context.x "))],
            ["budget a starts anew at zero: it counts by context.x instead of workflow"],
        ),
        ([like(scope=None, by=by("context.x"))], [like(scope=None, by=by("context.x "))], []),
        (
            [DAILY],
            [like(timezone="Europe/Berlin")],
            ["budget a starts anew at zero: its windows begin by the clocks of Europe/Berlin instead of UTC"],
        ),
        ([like(window="lifetime")], [like(window="lifetime", timezone="Europe/Berlin")], []),
        ([like(window="minute")], [like(window="minute", timezone="Europe/Berlin")], []),
        ([DAILY], [], ["budget a is removed, and what it has spent counts no more"]),
        (
            [DAILY],
            [like(name="b")],
            [
                "budget b starts anew at zero; `was: a` would carry what a has spent",
                "budget a is removed, and what it has spent counts no more",
            ],
        ),
        ([DAILY], [like(name="b", was="a")], ["budget b carries what a has spent"]),
        (
            [DAILY],
            [like(name="b", was="a", window="week")],
            ["budget b carries what a has spent", "budget b starts anew at zero: its window is another one"],
        ),
        ([like(name="b", was="a")], [DAILY], ["budget a carries what b has spent"]),
        ([like(name="b", was="a")], [like(name="b", was="a")], []),
        ([like(name="b", was="a")], [like(name="b")], []),
    ],
)
def test_what_is_said(before: list[Budget], after: list[Budget], said: list[str]) -> None:
    assert spending_changes(before, after) == said


def test_what_is_carried() -> None:
    new = like(name="b", was="a")
    assert carried([DAILY], [new]) == [("a", "b")]
    assert carried([new], [new]) == [("a", "b")], "as long as the policy says so"
    assert carried([new], [DAILY]) == [("b", "a")]
    assert carried([new, DAILY], [DAILY]) == [], "a budget that was there all the while is another one"
    assert carried([new], [like(name="b")]) == []


@pytest.mark.parametrize(
    ("was", "message"),
    [
        ("window: day, idle: 3d", "`idle` is for budgets without a window"),
        ("window: day, was: doc-analysis", "this budget's own name"),
        ("window: day, was: company", "which is still there"),
    ],
)
def test_what_contradicts_itself_is_refused(was: str, message: str) -> None:
    found = [problem.message for problem in load(changed("window: day", was), "p.yaml").problems if problem.severity == "error"]
    assert any(message in one for one in found), found


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{name: g, scope: global, limit: {tokens: 500}, missing: refuse}", "with scope global the subject is never missing"),
        ("{name: b, scope: run, limit: {tokens: 500}, was: x}\n  - {name: c, scope: run, limit: {tokens: 500}, was: x}", "was `x` as well"),
        ("{name: b, scope: run, limit: {tokens: 500}, window: rolling}", "`rolling` needs a length"),
        ("{name: b, by: flags, limit: {tokens: 500}}", ""),
    ],
)
def test_more_of_it(line: str, message: str) -> None:
    text = changed("budgets:\n", f"budgets:\n  - {line}\n", WHOLE)
    found = [problem.message for problem in load(text, "p.yaml").problems if problem.severity == "error"]
    assert any(message in one for one in found), found
