"""Expressions mean what a CEL library of others says (cel-rust, by its Python binding), where both define them.

What differs on purpose is left out of the generated expressions and stands in the second half, and in docs/decisions/008.
"""

from typing import Any

import cel
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from orchvynt.language.expressions.compiling import Compiled, compile_expression
from orchvynt.language.expressions.parser import QUANTIFIERS_MAX, parse
from orchvynt.language.expressions.syntax import ExpressionError, Literal
from orchvynt.language.expressions.values import ReadMap
from orchvynt.language.snapshot import EvaluationError

WORDS = st.sampled_from(["", "a", "ab", "b", "B", "premium", "x\U0001f600", "é"])
AMOUNTS = st.sampled_from([0.0, 1.0, -1.0, 2.0, 0.5, 1e300, -3.0, 7.25])
SCALARS = WORDS | AMOUNTS | st.booleans()
JSON = st.recursive(
    SCALARS | st.none(), lambda inside: st.lists(inside, max_size=3) | st.dictionaries(WORDS, inside, max_size=3), max_leaves=5
)

CONTEXTS = st.fixed_dictionaries(
    {
        "s": WORDS,
        "t": WORDS,
        "n": AMOUNTS,
        "m": AMOUNTS,
        "b": st.booleans(),
        "list": st.lists(SCALARS, max_size=3),
        "words": st.lists(WORDS, max_size=3),
        "deep": st.fixed_dictionaries({"s": WORDS.filter(str.isascii), "n": AMOUNTS}),
        "any": JSON,
        "other": JSON,
        "void": st.none(),
    },
    optional={"maybe": SCALARS},
)
VALUES = st.fixed_dictionaries(
    {
        "workload": WORDS,
        "input.text": WORDS,
        "stream": st.booleans(),
        "now.hour": st.integers(0, 23).map(float),
        "input.messages": st.integers(0, 3).map(float),
        "flags": st.lists(WORDS, max_size=3),
        "context": CONTEXTS,
    }
)

TEXTS = st.one_of(
    WORDS.map(lambda word: f'"{word}"'),
    st.sampled_from(["workload", "input.text", "context.s", 'context["t"]', "context.deep.s", '("x" + context.s)']),
)
NUMBERS = st.recursive(
    st.sampled_from(["0.0", "1.0", "2.5", "now.hour", "input.messages", "context.n", "context.m", "context.deep.n", "(-context.n)"]),
    lambda inside: st.one_of(
        st.builds("({} {} {})".format, inside, st.sampled_from("+-*"), inside), st.builds("({} / {})".format, inside, st.just("4.0"))
    ),
    max_leaves=3,
)
FAILING = st.sampled_from(
    [
        *("context.s + 1.0 > 0.0", "context.any.startsWith('a')", '"a" in context.any', "context.any.exists(i, i == 1.0)"),
        *("context.any - 1.0 > 0.0", "context.list[2] == 1.0", "context.deep.s.size() > 1", "context.any.size() == 0"),
    ]
)
EQUALITY = st.sampled_from(["==", "!="])
ORDER = st.sampled_from(["<", "<=", ">", ">="])
COMPARISONS = st.one_of(
    st.builds("{} {} {}".format, TEXTS, EQUALITY | ORDER, TEXTS),
    st.builds("{} {} {}".format, NUMBERS, EQUALITY | ORDER, NUMBERS),
    st.builds(
        "{} {} {}".format,
        st.sampled_from(["context.any", "context.other", "context.list", "context.deep", "context.void"]),
        EQUALITY,
        st.sampled_from(["context.any", "context.other", '"a"', "1.0", "true", "null", '["a"]', "context.words"]),
    ),
    st.builds(
        "{} in {}".format, TEXTS, st.sampled_from(["flags", "context.words", "context.list", '["a", "ab"]', "context", "context.deep"])
    ),
    st.builds("{} in {}".format, NUMBERS, st.sampled_from(["context.list", "[1.0, 2.0]"])),
    st.builds("{}.{}({})".format, TEXTS, st.sampled_from(["startsWith", "endsWith", "contains"]), TEXTS),
    st.builds("{}.matches({})".format, TEXTS, st.sampled_from(["'^a+$'", "'b'", "r'^[a-z]{2}$'", "'(?i)B|^p.*m$'", "'[^a]'"])),
    st.builds(
        "{}.{}(i, {})".format,
        st.sampled_from(["flags", "context.words"]),
        st.sampled_from(["exists", "all"]),
        st.sampled_from(['i == "a"', "i < context.s", 'i.startsWith("a") || context.b == true', "flags.exists(j, j == i)"]),
    ),
    st.builds(
        "size({}) {} {}".format,
        st.sampled_from(["flags", "context.words", "context.deep", "context.deep.s"]),
        EQUALITY | ORDER,
        st.sampled_from("012"),
    ),
    st.sampled_from(["has(context.maybe)", "has(context.s)", "has(context.deep.n)", "has(context.deep.x)", '"maybe" in context', "stream"]),
    FAILING,
)
CONDITIONS = st.recursive(
    COMPARISONS,
    lambda inside: st.one_of(
        st.lists(inside, min_size=2, max_size=3).map(lambda parts: f"({' && '.join(parts)})"),
        st.lists(inside, min_size=2, max_size=3).map(lambda parts: f"({' || '.join(parts)})"),
        inside.map(lambda one: f"!({one})"),
        st.builds("({} ? {} : {})".format, inside, inside, inside),
    ),
    max_leaves=4,
)


def ours(text: str, values: dict[str, Any]) -> object:
    compiled = compile_expression(text, "request")
    assert isinstance(compiled, Compiled), (text, compiled)
    try:
        return compiled.expression.evaluate({**values, "context": ReadMap(values["context"])})
    except EvaluationError:
        return "failed"


def theirs(text: str, values: dict[str, Any]) -> object:
    nested: dict[str, Any] = {}
    for name, value in values.items():
        root, _, field = name.partition(".")
        if field:
            nested.setdefault(root, {})[field] = value
        else:
            nested[name] = value
    try:
        return cel.evaluate(text, nested)
    except (TypeError, ValueError, KeyError, IndexError, RuntimeError):
        return "failed"


@settings(max_examples=300, deadline=None)
@given(CONDITIONS, VALUES)
def test_both_give_the_same(text: str, values: dict[str, Any]) -> None:
    assume(text.count(".exists(") + text.count(".all(") <= QUANTIFIERS_MAX)  # more are refused at load
    assert ours(text, values) is theirs(text, values) or ours(text, values) == theirs(text, values) == "failed"


CONTEXT: dict[str, Any] = {"n": 1.0, "s": "a", "list": ["a", 2.0], "void": None}
DIFFERENCES: list[tuple[str, object, object]] = [
    # An absent key is null, and so is anything below null.
    ("context.absent == null", True, "failed"),
    ('context["absent"] == null', True, "failed"),
    ("context.absent.deeper == null", True, "failed"),
    ("context.void.deeper == null", True, "failed"),
    ("has(context.absent.deeper)", False, "failed"),
    ("has(context.void)", False, True),
    # No order holds with null.
    ("context.absent < 1.0", False, "failed"),
    # Numbers are doubles, integer literals too, and sizes; so `%` takes doubles, and a position in a list may be written as one.
    ("1 / 2 == 0.5", True, False),
    ("now.hour + 1 == 2.0", True, "failed"),
    ("size(flags) + 1.0 == 2.0", True, "failed"),
    ("5.0 % 2.0 == 1.0", True, "failed"),
    ("9007199254740993 == 9007199254740992", True, False),
    ('context.list[0.0] == "a"', True, "failed"),
    # Dividing by zero is an error for all numbers, as CEL has it for integers.
    ("1.0 / 0.0 > 1.0", "failed", True),
    # cel-rust counts bytes here; the language's definition says code points, and so do we.
    ("size(workload) == 1", True, False),
    # RE2's classes are ASCII, as the language's definition has it; cel-rust's know Unicode.
    ("workload.matches(r'^\\w$')", False, True),
]


@pytest.mark.parametrize(("text", "here", "there"), DIFFERENCES)
def test_what_differs_on_purpose(text: str, here: object, there: object) -> None:
    values = {"workload": "é", "now.hour": 1.0, "flags": ["a"], "context": CONTEXT}
    assert ours(text, values) == here
    assert theirs(text, values) == there, "it differs no more: take it out, here and in docs/decisions/008"


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab\\\"'`xuU01n7\u00e9\U0001f600 ", max_size=12), st.sampled_from(["'", '"', "r'", 'r"']))
@example("\\u00e9\\U0001f600\\x41\\101\\n", '"')
def test_string_literals_mean_the_same(inside: str, opening: str) -> None:
    text = f"{opening}{inside}{opening[-1]}"
    try:
        tree = parse(text)
    except ExpressionError:
        return  # most of these are no literals; what is refused is tested elsewhere
    if isinstance(tree, Literal):
        assert tree.value == cel.evaluate(text, {})
