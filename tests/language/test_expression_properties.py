"""Properties of expressions: closures mean what the plain interpreter means; no text crashes or hangs the compiler."""

import math
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.language.interpreter import FailedError, interpret

from orchvynt.language.expressions.compiling import Compiled, compile_expression
from orchvynt.language.expressions.parser import parse
from orchvynt.language.expressions.values import ReadMap
from orchvynt.language.snapshot import EvaluationError
from orchvynt.language.variables import TABLES

WORDS = st.sampled_from(["", "a", "ab", "b", "x\U0001f600", "premium"])
NUMBERS = st.sampled_from([0, 1, -1, 2, 0.5, 1e300, -3, 7])
SCALARS = st.one_of(WORDS, NUMBERS, st.booleans(), st.none())
JSON = st.recursive(
    SCALARS, lambda inside: st.one_of(st.lists(inside, max_size=3), st.dictionaries(WORDS, inside, max_size=3)), max_leaves=6
)
CONTEXT = st.dictionaries(st.sampled_from(["a", "b", "tier"]), JSON, max_size=3)

VALUES = st.fixed_dictionaries(
    {
        "workload": WORDS,
        "input.text": WORDS,
        "key.name": WORDS,
        "stream": st.booleans(),
        "input.messages": st.integers(0, 3),
        "now.hour": st.integers(0, 23),
        "min_quality": st.one_of(st.none(), NUMBERS),
        "flags": st.lists(WORDS, max_size=3).map(tuple),
        "context": CONTEXT,
    }
)

TEXTS = st.one_of(WORDS.map(lambda word: f'"{word}"'), st.sampled_from(["workload", "input.text", "key.name"]))
DYNAMIC = st.sampled_from(["context.a", "context.b", "context.tier.a", 'context["b"]', "context.a[0]", "context.b.a.b"])


def _numbers(inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds("({} {} {})".format, inside, st.sampled_from("+-*/%"), inside) | inside.map(lambda one: f"-{one}")


AMOUNTS = st.recursive(
    st.sampled_from(["0", "1", "2.5", "input.messages", "now.hour", "min_quality", "size(workload)", "flags.size()"]) | DYNAMIC,
    _numbers,
    max_leaves=4,
)
COMPARISONS = st.one_of(
    st.builds("{} {} {}".format, TEXTS, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), TEXTS | DYNAMIC),
    st.builds("{} {} {}".format, AMOUNTS, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), AMOUNTS),
    st.builds("{} {} {}".format, DYNAMIC, st.sampled_from(["==", "!="]), st.sampled_from(["null", "true", "1", '"a"', "context", "flags"])),
    st.builds("{} in {}".format, TEXTS | DYNAMIC, st.sampled_from(["flags", "context", '["a", "b"]', "context.a"])),
    st.builds("{}.{}({})".format, TEXTS | DYNAMIC, st.sampled_from(["startsWith", "endsWith", "contains"]), TEXTS),
    st.builds("{}.matches({})".format, TEXTS, st.sampled_from(["'^a+$'", "'b'", "'[ab]{2}'"])),
    st.builds(
        "{}.{}(i, i {} {})".format,
        st.sampled_from(["flags", "context.a"]),
        st.sampled_from(["exists", "all"]),
        st.sampled_from(["==", "<"]),
        DYNAMIC,
    ),
    DYNAMIC.filter(lambda text: text.endswith(("a", "b")) and "[" not in text).map(lambda text: f"has({text})"),
    st.sampled_from(["stream", "true", "false"]),
)


def _conditions(inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.lists(inside, min_size=2, max_size=3).map(lambda parts: f"({' && '.join(parts)})"),
        st.lists(inside, min_size=2, max_size=3).map(lambda parts: f"({' || '.join(parts)})"),
        inside.map(lambda one: f"!({one})"),
        st.builds("({} ? {} : {})".format, inside, inside, inside),
    )


CONDITIONS = st.recursive(COMPARISONS, _conditions, max_leaves=5)


def _outcome(run: Any) -> Any:
    try:
        return run()
    except (EvaluationError, FailedError):
        return "failed"


@settings(max_examples=300, deadline=None)
@given(CONDITIONS, VALUES)
@example("context.a == 1", {"context": {"a": True}})
@example("context.a == context.b", {"context": {"a": {"a": [1]}, "b": {"a": [1.0]}}})
@example("has(context.a) && context.a", {"context": {}})
def test_closures_mean_what_the_interpreter_means(text: str, values: dict[str, Any]) -> None:
    compiled = compile_expression(text, "request")
    if not isinstance(compiled, Compiled):
        return  # a random pair of types that can never be compared; the table of load errors covers those
    tree, run = parse(text), compiled.expression.evaluate
    expected = _outcome(lambda: interpret(tree, values))
    recording = {**values, "context": ReadMap(values["context"])}
    for given_values in (values, recording):
        found = _outcome(lambda given_values=given_values: run(given_values))
        assert found is expected or found == expected, (text, values)
        assert found == "failed" or isinstance(found, bool)


def test_most_random_conditions_are_well_typed() -> None:
    """The property above would be empty if the strategy gave nothing that compiles."""
    kept = []

    @settings(max_examples=100, deadline=None, database=None, derandomize=True)
    @given(CONDITIONS)
    def count(text: str) -> None:
        kept.append(isinstance(compile_expression(text, "request"), Compiled))

    count()
    assert sum(kept) > len(kept) / 2


TOKENS = [
    *("workload", "context", ".a", "[", "]", "(", ")", "&&", "||", "!", "==", "<", "in", "+", "-", "%", "?", ":", ",", '"', "'", "\\"),
    *("stable.", "cost", "tool.args", "detects(", "exists(", "now.hour", "quality", "flags"),
    *("1", "1e9", ".5", "size", ".exists(", "has(", "r'", "null", "true", " ", "//", "\n", "é", "\x00", "\ud800", "matches('(')", "🙂"),
]


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(TOKENS), max_size=40).map("".join)), st.sampled_from([*TABLES]))
@example("(" * 5000, "request")
@example("!" * 5000, "request")
@example("-" * 5000 + "1", "request")
@example("a." * 2000 + "a", "request")
@example("1+" * 2000 + "1 == 1", "request")
@example("[" * 5000, "request")
@example("x ? " * 1000, "request")
def test_any_text_is_compiled_or_refused_with_a_place(text: str, stage: Any) -> None:
    compiled = compile_expression(text, stage, "scalar" if stage == "sticky" else "boolean")
    if isinstance(compiled, list):
        assert compiled
        for problem in compiled:
            assert 0 <= problem.start <= problem.end <= len(text) + 2
            assert str(problem)


@settings(max_examples=200, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False, min_value=0), st.text(max_size=20).filter(lambda text: "\n" not in text))
def test_literals_are_read_as_written(number: float, text: str) -> None:
    escaped = (
        text.encode("unicode_escape").decode().replace('"', '\\"') if text.isascii() else text.replace("\\", "\\\\").replace('"', '\\"')
    )
    compiled = compile_expression(f'min_quality == {number!r} && workload == "{escaped}"', "request")
    assert isinstance(compiled, Compiled), text
    assert compiled.expression.evaluate({"min_quality": number, "workload": text}) is True
    assert math.isfinite(number)
