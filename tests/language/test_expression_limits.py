"""What data can do to an expression: nothing hangs, nothing crashes, every number is a double."""

import pytest

from orchvynt.language.expressions.compiling import Compiled, compile_expression
from orchvynt.language.expressions.shortcuts import STRINGS_MAX
from orchvynt.language.expressions.values import COST_MAX
from orchvynt.language.snapshot import EvaluationError


def test_one_evaluation_has_a_cost_limit() -> None:
    looping = compile_expression("context.a.all(x, context.b.all(y, x != y))", "request")
    searching = compile_expression("input.text.matches('a*b')", "request")
    assert isinstance(looping, Compiled)
    assert isinstance(searching, Compiled)
    many: dict[str, object] = {"context": {"a": list(range(2000)), "b": [-1] * 2000}}
    with pytest.raises(EvaluationError, match="costs more"):
        looping.expression.evaluate(many)
    with pytest.raises(EvaluationError, match="costs more"):
        searching.expression.evaluate({"input.text": "a" * (COST_MAX * 1024 // 10 + 2048)})
    assert searching.expression.evaluate({"input.text": "a" * 100_000}) is False


def test_patterns_take_linear_time() -> None:
    """A pattern that takes a backtracking engine for ever; the test's own time limit would tell."""
    compiled = compile_expression("input.text.matches('^(a+)+$')", "request")
    assert isinstance(compiled, Compiled)
    assert compiled.expression.evaluate({"input.text": "a" * 50_000 + "!"}) is False


def test_text_that_is_no_text_fails_cleanly() -> None:
    compiled = compile_expression("input.text.matches('a')", "request")
    assert isinstance(compiled, Compiled)
    with pytest.raises(EvaluationError, match="surrogate"):
        compiled.expression.evaluate({"input.text": "\ud800"})


@pytest.mark.parametrize(
    ("text", "n", "expected"),
    [
        ("context.n == 9007199254740992", 2**53 + 1, True),
        ("context.n > 9007199254740992", 2**53 + 1, False),
        ("context.n == 1", 10**400, False),
        ("context.n > 1e308", 10**400, True),
        ("context.n < -1e308", -(10**400), True),
        ("context.n + 1 == context.n", 2**53, True),
    ],
)
def test_every_number_is_read_as_a_double(text: str, n: int, expected: bool) -> None:
    compiled = compile_expression(text, "request")
    assert isinstance(compiled, Compiled)
    assert compiled.expression.evaluate({"context": {"n": n}}) is expected


def test_deep_values_are_compared_within_bounds() -> None:
    deep: list[object] = []
    other: list[object] = []
    for _ in range(200):
        deep, other = [deep], [other]
    compiled = compile_expression("context.a == context.b", "request")
    assert isinstance(compiled, Compiled)
    with pytest.raises(EvaluationError, match="nested deeper"):
        compiled.expression.evaluate({"context": {"a": deep, "b": other}})
    assert compiled.expression.evaluate({"context": {"a": deep, "b": deep}}) is True


MANY = ["x" * 8] * 50_000
HOSTILE: list[tuple[str, dict[str, object]]] = [
    (" && ".join(["context.a == context.b"] * 50), {"context": {"a": [*MANY], "b": [*MANY]}}),
    (" && ".join(["context.a != context.c"] * 50), {"context": {"a": [*MANY, "y"], "c": [*MANY, "z"]}}),
    (" || ".join(['"y" in context.a'] * 50), {"context": {"a": MANY}}),
    (" || ".join(['"y" in flags'] * 50), {"flags": MANY}),
    ("context.a.all(i, context.a.all(j, context.a.all(k, i == k)))", {"context": {"a": MANY}}),
    ("context.a.exists(i, i in context.a && false)", {"context": {"a": MANY}}),
    (f"size({' + '.join(['context.s'] * 60)}) == 1", {"context": {"s": "x" * 500_000}}),
    (" || ".join(["input.text.contains('y')"] * 50), {"input.text": "x" * 10_000_000}),
    (" || ".join(["input.text.matches('(x+x+)+y')"] * 50), {"input.text": "x" * 1_000_000}),
]


@pytest.mark.parametrize(("text", "values"), HOSTILE, ids=[text[:40] for text, _ in HOSTILE])
def test_no_data_makes_an_expression_run_for_long(text: str, values: dict[str, object]) -> None:
    """Each of these would take seconds to days without a limit; the test's own time limit would tell."""
    compiled = compile_expression(text, "request")
    assert isinstance(compiled, Compiled)
    with pytest.raises(EvaluationError, match=r"costs more|at most|too long"):
        compiled.expression.evaluate(values)
    assert len(MANY) > STRINGS_MAX
