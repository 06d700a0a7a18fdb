"""What is known of a condition when it is loaded: whether it is always true or never, what it cannot be true without, what it hides."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.language.expressions.compiling import Compiled, compile_expression, is_shadowed
from orchvynt.language.expressions.parser import QUANTIFIERS_MAX
from orchvynt.language.expressions.values import ReadMap
from orchvynt.language.snapshot import EvaluationError
from orchvynt.language.variables import Stage


def compiled(text: str, stage: Stage = "request") -> Compiled:
    found = compile_expression(text, stage)
    assert isinstance(found, Compiled), found
    return found


def outcome(condition: Compiled, values: dict[str, Any]) -> bool | None:
    try:
        return condition.expression.evaluate({**values, "context": ReadMap(values["context"])}) is True
    except EvaluationError:
        return None


ALWAYS: list[tuple[str, Stage]] = [
    ("true", "request"),
    ("1 + 1 == 2", "request"),
    ("workload == workload", "request"),
    ("workload <= workload && context == context && flags == flags", "request"),
    ('workload == "a" || workload != "a"', "request"),
    ('workload != "a" || workload != "b"', "request"),
    ('workload in ["a", "b"] || !(workload in ["a", "b"])', "request"),
    ("stream || !stream", "request"),
    ("stream ? true : !stream", "request"),
    ('"f" in flags || !("f" in flags)', "request"),
    ("now.hour >= 0 && now.hour <= 23", "request"),
    ("now.hour >= 22 || now.hour < 22", "request"),
    ("now.weekday > 0", "request"),
    ("size(flags) >= 0", "request"),
    ("context.n == 1 || context.n != 1", "request"),
    ("has(context.n) || context.n == null", "request"),
    ("min_quality == null || min_quality <= 1", "request"),
    ('workload.contains("a") || !workload.contains("a")', "request"),
    ("error_rate <= 1", "canary"),
    ("confidence >= 0", "output"),
    ("true || 1 / 0 == 1", "request"),
]
NEVER: list[tuple[str, Stage]] = [
    ("false", "request"),
    ("1 > 2", "request"),
    ("workload < workload", "request"),
    ('workload == "a" && workload == "b"', "request"),
    ('workload == "a" && workload != "a"', "request"),
    ('workload == "a" && flags.exists(f, f == workload) && workload == "b"', "request"),
    ('workload == "a" && 1 / size(flags) > 0 && !(workload == "a")', "request"),
    ('!(workload == "a") && workload in ["a"]', "request"),
    ("workload in []", "request"),
    ('workload < "a" && workload > "b"', "request"),
    ("stream && !stream", "request"),
    ('"f" in flags && !("f" in flags)', "request"),
    ("now.hour > 23", "request"),
    ("now.hour == 24 || now.weekday == 0", "request"),
    ("now.hour > 20 && now.hour < 5", "request"),
    ("size(flags) < 0", "request"),
    ("min_quality > 2", "request"),
    ("context.n > 5 && context.n < 3", "request"),
    ('context.n == 1 && context.n == "1"', "request"),
    ("context.n == null && has(context.n)", "request"),
    ("input.messages < 0", "request"),
    ("quality > 1", "candidate"),
    ("cost * 2 > 1 && cost * 2 < 0.5", "candidate"),
    ("activation_rate > 1.5", "alert"),
]
OPEN: list[tuple[str, Stage]] = [
    ("1 / 0 == 1", "request"),
    ("context.n > 5 || context.n <= 5", "request"),
    ("min_quality <= 0.5 || min_quality > 0.5", "request"),
    ("context.a.b == 1 || context.a.b != 1", "request"),
    ('input.text.matches("a") || !input.text.matches("a")', "request"),
    ('workload == "a" && workflow == "b"', "request"),
    ("now.hour > 22", "request"),
    ("now.hour > 5 && now.hour < 20", "request"),
    ('workload > "a" && workload < "b"', "request"),
    ("flags.all(f, true)", "request"),
    ("quality * 0 == 0", "candidate"),
    (" || ".join(f"context.k{number} == {number}" for number in range(40)), "request"),
]


@pytest.mark.parametrize(("text", "stage"), ALWAYS)
def test_always_true(text: str, stage: Stage) -> None:
    assert compiled(text, stage).constant is True


@pytest.mark.parametrize(("text", "stage"), NEVER)
def test_never_true(text: str, stage: Stage) -> None:
    assert compiled(text, stage).constant is False


@pytest.mark.parametrize(("text", "stage"), OPEN)
def test_not_known_when_loaded(text: str, stage: Stage) -> None:
    assert compiled(text, stage).constant is None


def test_a_condition_that_is_too_large_is_decided_part_by_part() -> None:
    many = " && ".join(f"context.k{number} == {number}" for number in range(12))
    assert compiled(f"{many} && now.hour > 23").constant is False
    assert compiled(f"!({many}) || now.hour < 24").constant is True
    assert compiled(f"{many} && context.k1 == 7").constant in (False, None)


CHANCE = Random(3)
ANY: tuple[object, ...] = (None, 0, 0.5, 1, 2, 10**400, True, False, "", "a", "x", [], [1], {"b": 1}, {"b": "x"}, {"a": {"b": 1}})
WORLD: list[dict[str, Any]] = [
    {
        "workload": CHANCE.choice(["", "a", "ab", "b", "zz"]),
        "input.text": CHANCE.choice(["", "a", "b", "premium"]),
        "key.name": CHANCE.choice(["", "a", "b"]),
        "stream": CHANCE.random() < 0.5,
        "input.messages": CHANCE.randrange(4),
        "now.hour": CHANCE.choice([0, 4, 5, 6, 7, 8, 9, 23]),
        "min_quality": CHANCE.choice([None, 0, 0.5, 0.75, 1]),
        "flags": tuple(CHANCE.sample(["a", "b", "ab", ""], CHANCE.randrange(4))),
        "context": {key: CHANCE.choice(ANY) for key in ("a", "b", "tier") if CHANCE.random() < 0.8},
    }
    for _ in range(80)
]
"""Worlds in which each formula is tried: enough that each of the atoms below comes out in every way."""

ATOMS: dict[str, list[str]] = {
    "workload": [*('{} == "a"', '{} != "a"', '"b" == {}', '{} in ["a", "ab"]', '{} < "b"', '{} > "a"', '{}.contains("a")', "{} == {}")],
    "now.hour": ["{} > 5", "{} <= 5", "{} == 7", "{} in [7, 8]", "{} >= 0", "{} > 23", "{} + 1 > 6", "{} < {}", "9 > {}"],
    "context.a": [*("{} == 1", '{} == "a"', "{} > 0.5", "{} <= 1", "has({})", "{} == null", "{} == true", "{} != {}"), '{} in ["a", 1]'],
    "context.a.b": ["{} == 1", "{} != 1", "has({})", "{} >= 1", "{} == {}", '{} == "x"'],
    "flags": ['"a" in {}', "size({}) > 1", "{}.size() == 0", "1 / size({}) > 0", "{} == {}", "{}.exists(f, f == 'a')"],
    "min_quality": ["{} > 0.5", "{} == null", "{} <= 1", "{} != null", "{} >= 2"],
    "stream": ["{}", "{} == true", "{} != false", "{} == {}"],
}


def _formulas(terms: list[str]) -> st.SearchStrategy[str]:
    atoms = st.sampled_from([atom.replace("{}", one) for one in terms for atom in ATOMS[one]])
    return st.recursive(
        atoms,
        lambda inside: st.one_of(
            st.lists(inside, min_size=2, max_size=3).map(lambda parts: f"({' && '.join(parts)})"),
            st.lists(inside, min_size=2, max_size=3).map(lambda parts: f"({' || '.join(parts)})"),
            inside.map(lambda one: f"!({one})"),
            st.builds("({} ? {} : {})".format, inside, inside, inside),
        ),
        max_leaves=6,
    )


def _is_loadable(text: str) -> bool:
    """The language takes so many quantifiers in one expression, and no more."""
    return text.count(".exists(") <= QUANTIFIERS_MAX


FORMULAS = st.one_of(*(_formulas([one]) for one in ATOMS), _formulas(["context.a", "context.a.b"]), _formulas([*ATOMS])).filter(
    _is_loadable
)


@settings(max_examples=250, deadline=None)
@given(FORMULAS)
def test_a_constant_is_what_every_evaluation_gives(text: str) -> None:
    condition = compiled(text)
    found = {outcome(condition, values) for values in WORLD}
    if condition.constant is True:
        assert found == {True}
    elif condition.constant is False:
        assert True not in found, "it may fail, and is never true"


def test_many_random_formulas_are_constant_and_many_are_not() -> None:
    """The property above would be empty if nothing or everything were constant."""
    found = []

    @settings(max_examples=200, deadline=None, database=None, derandomize=True)
    @given(FORMULAS)
    def count(text: str) -> None:
        found.append(compiled(text).constant)

    count()
    assert min(found.count(True), found.count(False)) > 10
    assert found.count(None) > 50


EQUALITIES: list[tuple[str, tuple[tuple[str, str], ...]]] = [
    ('workload == "a"', (("workload", "a"),)),
    ('"a" == workload && stream', (("workload", "a"),)),
    (
        '(workload == "a" && (context.tier == "x" && stream)) && key.name == "k"',
        (("workload", "a"), ("context.tier", "x"), ("key.name", "k")),
    ),
    ('context["b.c"] == "x" && 1 / size(flags) > 0', (("context.b.c", "x"),)),
    ('workload in ["a"]', (("workload", "a"),)),
    ('workload == "a" || stream', ()),
    ('!(workload == "a")', ()),
    ('workload != "a"', ()),
    ('context.a.b == "x"', ()),
    ("context.n == 1", ()),
    ('flags[0] == "a"', ()),
    ('workload in ["a", "b"]', ()),
]


@pytest.mark.parametrize(("text", "expected"), EQUALITIES)
def test_equalities(text: str, expected: tuple[tuple[str, str], ...]) -> None:
    assert compiled(text).equalities == expected


@settings(max_examples=150, deadline=None)
@given(
    st.lists(FORMULAS | st.sampled_from(['workload == "a"', 'context.a == "x"', 'context.tier == ""']), min_size=2, max_size=4)
    .map(" && ".join)
    .filter(_is_loadable)
)
def test_where_an_equality_does_not_hold_the_condition_is_false(text: str) -> None:
    """Not even an error: whoever skips the condition misses nothing."""
    condition = compiled(text)
    for name, expected in condition.equalities:
        for values in WORLD:
            found = values["context"].get(name.removeprefix("context.")) if name.startswith("context.") else values[name]
            if found != expected:
                assert outcome(condition, values) is False


SHADOWED: list[tuple[str, str, bool]] = [
    ('workload == "a"', 'workload == "a" && stream', True),
    ("now.hour > 5", "now.hour > 9", True),
    ("now.hour > 9", "now.hour > 5", False),
    ('workload in ["a", "b"]', 'workload == "b"', True),
    ("context.a.b == 1", "context.a.b == 1 && stream", True),
    ('workload != ""', 'workload == "a"', True),
    ('workload == "a" || stream', "stream", True),
    ("stream", 'workload == "a" || stream', False),
    # Where the earlier one fails and does not match, the later one may be reached.
    ("1 / size(flags) > 0 && stream", "stream", False),
    ("stream", "1 / size(flags) > 0 && stream", True),
]


@pytest.mark.parametrize(("earlier", "later", "hidden"), SHADOWED)
def test_shadowed(earlier: str, later: str, hidden: bool) -> None:
    assert is_shadowed(compiled(later), compiled(earlier), "request") is hidden


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([*ATOMS]).flatmap(lambda one: st.tuples(_formulas([one]), _formulas([one]))))
def test_what_is_shadowed_never_matches_alone(pair: tuple[str, str]) -> None:
    first, second = compiled(pair[0]), compiled(pair[1])
    if is_shadowed(second, first, "request"):
        assert all(outcome(first, values) is True for values in WORLD if outcome(second, values) is True)
