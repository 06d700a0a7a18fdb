"""What expressions mean, what they read, and what is refused when they are loaded."""

from typing import Any

import pytest

from orchvynt.detectors.kinds import PERSONAL
from orchvynt.language.expressions.compiling import Compiled, compile_checked, compile_expression
from orchvynt.language.snapshot import EvaluationError, Wanted
from orchvynt.language.variables import Stage

VALUES: dict[str, Any] = {
    "workload": "synthesis",
    "workflow": "doc-analysis",
    "flags": ("financial-action", "urgent"),
    "context": {"user_tier": "premium", "n": 3, "beta": True, "tags": ["a", "b"], "nested": {"x": {"y": 1}}, "nothing": None},
    "stream": False,
    "min_quality": None,
    "input.messages": 4,
    "input.text": "Please wire 500 EUR to DE89 3704",
    "now.hour": 23,
    "now.weekday": 6,
    "tools": (),
    "key.name": "",
}

TRUE = [
    'workload == "synthesis" && context.user_tier == "premium"',
    '"financial-action" in flags',
    "!stream",
    'workload != "x"',
    "input.messages > 3 && input.messages <= 4",
    "input.messages == 4.0",
    "1 + 2 * 3 == 7 && (1 + 2) * 3 == 9",
    "7 % 4 == 3 && -7 % 4 == -3",
    "1 / 4 == 0.25",
    '"a" + "b" == "ab"',
    '"a" < "b" && "B" < "a"',
    "size(flags) == 2 && flags.size() == 2 && size(workload) == 9",
    'workload.startsWith("syn") && workload.endsWith("sis") && workload.contains("the")',
    "input.text.matches(r'\\b[A-Z]{2}\\d{2}\\b')",
    "input.text.matches('(?i)WIRE')",
    'flags.exists(f, f.startsWith("fin"))',
    "flags.all(f, size(f) > 5)",
    "![].exists(f, f == 1) && [].all(f, f == 1)",
    "context.n == 3 && context.n > 2.5 && context.n + 1 == 4",
    "context.beta == true",
    'context["user_tier"] == "premium"',
    "context.nested.x.y == 1",
    'context.tags[0] == "a" && "b" in context.tags',
    'context.tags == ["a", "b"]',
    '"user_tier" in context && !("customer" in context)',
    "has(context.n) && !has(context.customer) && !has(context.nothing) && !has(context.customer.name)",
    "context.customer == null && context.customer.name == null && context.nothing == null",
    "!(context.customer == 1) && context.customer != 1",
    "!(context.customer < 1) && !(context.customer >= 1)",
    "min_quality == null && !(min_quality < 1) && !(min_quality >= 0)",
    'context.n != "3"',
    "context.beta != 1",
    "context.exists(name, name.startsWith('user')) && context.nested.all(k, k == 'x')",
    "context.package == null && context.import == null",
    "matches(workload, 'syn.*')",
    'now.hour >= 22 ? workload == "synthesis" : false',
    "now.weekday in [6, 7]",
    'workload in ["analysis", "synthesis"]',
    "context.x / 0 == 1 || true",
    "true || context.x / 0 == 1",
    "!(1 / 0 == 1 && false)",
    "flags.exists(f, context.n / (size(f) - 6) == 3 / 10)",
    "size(tools) == 0",
    "// a comment\ntrue",
    "'it\\'s' == \"it's\" && '\\u0041\\x42\\103' == 'ABC' && r'\\d' == '\\\\d'",
    ".5 == 0.5 && 1e3 == 1000",
    'context.n.size() == 1 || workload == "synthesis"',
]


@pytest.mark.parametrize("text", TRUE)
def test_true(text: str) -> None:
    compiled = compile_expression(text, "request")
    assert isinstance(compiled, Compiled), compiled
    assert compiled.expression.evaluate(VALUES) is True


FAILS = [
    ("1 / 0 == 1", "`/` by zero"),
    ("5 % 0 == 1", "`%` by zero"),
    ("context.user_tier + 1 == 2", "`+` cannot take string and number"),
    ("-context.user_tier == 1", "`-` cannot take string"),
    ("context.customer.startsWith('a')", "cannot take null"),
    ("'a' in context.customer", "`in` needs a list or a map on its right, not null"),
    ("context.n.x == 1", "number has no member x"),
    ('context.n < "3"', "`<` cannot order number and string"),
    ("context.user_tier >= 3", "`>=` cannot order string and number"),
    ("context.tags < context.tags", "`<` cannot order list and list"),
    ("context.tags[2] == 'a'", "no item 2"),
    ("context.tags[0.5] == 'a'", "no item 0.5"),
    ("size(context.n) == 1", "`size` cannot take number"),
    ("context.n.exists(i, i == 1)", "`exists` needs a list or a map, not number"),
    ("flags.all(f, context.n / (size(f) - 6) > 0)", "by zero"),
    ("stream || 1 / 0 == 1", "by zero"),
]


@pytest.mark.parametrize(("text", "message"), FAILS)
def test_true_errors_while_running(text: str, message: str) -> None:
    compiled = compile_expression(text, "request")
    assert isinstance(compiled, Compiled), compiled
    with pytest.raises(EvaluationError, match=message.replace("`", ".").replace("%", ".")):
        compiled.expression.evaluate(VALUES)


REFUSED: list[tuple[str, Stage, str, str]] = [
    ("wrkload == 'a'", "request", "unknown name `wrkload`", "`workload`"),
    ("key.nme == 'a'", "request", "unknown name `key.nme`", "`key.name`"),
    ("input.txt == 'a'", "request", "unknown name `input.txt`", "`input.text`"),
    ("key == 'a'", "request", "`key` is not a value by itself", "key.name"),
    ("workload.x == 'a'", "request", "a string has no member `x`", ""),
    ("workload", "request", "must be a boolean, not a string", "!="),
    ("context.beta", "request", "a value of the context has no declared type", "== true"),
    ("stream && context.beta", "request", "each side of `&&` must be a boolean", "== true"),
    ("workload == 1", "request", "never equal", ""),
    ("workload == null", "request", "never equal", 'absent text is ""'),
    ("stream < true", "request", "cannot order", ""),
    ("workload < 1", "request", "cannot order", ""),
    ("workload - 'a' == 'b'", "request", "`-` cannot take", ""),
    ("'a' in workload", "request", "`in` needs a list or a map", ".contains"),
    ("1 in flags", "request", "never in", ""),
    ("flags.contains('a')", "request", "`contains` needs strings", "in flags"),
    ("flags[0] == 1", "request", "never equal", ""),
    ("size(stream) == 1", "request", "`size` needs", ""),
    ("has(workload)", "request", "`has` takes one member", "has(context.x)"),
    ("has(key.name)", "request", "always exists", ""),
    ("workload.lenght() == 1", "request", "unknown function `lenght`", ""),
    ("workload.startWith('a')", "request", "unknown function `startWith`", "`startsWith`"),
    ("workload.matches('(')", "request", "the pattern cannot be read", "RE2"),
    ("workload.matches('(?=a)')", "request", "the pattern cannot be read", "RE2"),
    ("workload.matches(context.p)", "request", "must be a literal string", ""),
    ("flags.exists(flags, true)", "request", "means something already", ""),
    ("workload == 'a' and stream", "request", "unexpected `and`", "`&&`"),
    ("workload = 'a'", "request", "unexpected character `=`", "`==`"),
    ("workload == 'a", "request", "not closed", ""),
    ("workload == '\\d'", "request", "unknown escape", "r'"),
    ("5% > 1", "request", "unexpected `>`", ""),
    ("5kg > 1", "request", "is not a number", ""),
    ("1e999 > 1", "request", "too large", ""),
    ("", "request", "empty", "Leave"),
    ("true ? 1 : 'a'", "request", "one side of `:`", ""),
    ("output.text == 'a'", "request", "unknown name `output.text`", "stage output"),
    ("output.refusal", "output", "must be a boolean", "!="),
    ("detects('presidio:PERSON')", "input", "looks into answers only", "stage output"),
    ("detects('presidio:PERSON')", "request", "looks into answers only", "credit_card"),
    ("detects('presidio:PERSONS')", "output", "Presidio knows no `PERSONS`", "`presidio:PERSON`"),
    ("detects('presidio:')", "output", "Presidio knows no ``", "presidio:PERSON"),
    ("detects('ibann')", "output", "unknown kind `ibann`", "`iban`"),
    ("detects('zzz')", "request", "unknown kind `zzz`", "credit_card"),
    ("detects(workload)", "request", "must be literal strings", "credit_card"),
    ("detects('refusal')", "request", "looks at an answer", "stage output"),
    ("detects('iban')", "record", "unknown function `detects`", "--where"),
    ("workload.detects('iban')", "output", "not called like this", ""),
    ("detect('iban')", "output", "unknown function `detect`", "`detects`"),
    ("workload in ['a', 1]", "request", "a string is never equal to 1", "list"),
    ("now.hour in [22, null]", "request", "a number is never equal to null", "list"),
    ("flags.exists_one(f, f == 'a')", "request", "not supported yet: the macro `exists_one`", ""),
    ("workload.exists(c, c == 'a')", "request", "needs a list or a map", ""),
    ("flags.map(f, f) == flags", "request", "not supported yet: the macro `map`", ""),
    ("int(workload) == 1", "request", "not supported yet: `int`", ""),
    ("b'x' == 'x'", "request", "not supported yet: byte strings", ""),
    ("workload == 'a' // " + "x" * 5000, "request", "longer than", ""),
    ("[" * 40 + "]" * 40 + " == []", "request", "nested deeper", ""),
    ("+".join(["1"] * 200) + " == 1", "request", "more than 256 parts", ""),
    (" || ".join(["flags.exists(f, f == 'a')"] * 5), "request", "more than 4", ""),
]


@pytest.mark.parametrize(("text", "stage", "message", "help"), REFUSED)
def test_refused_when_loaded(text: str, stage: Stage, message: str, help: str) -> None:
    problems = compile_expression(text, stage)
    assert isinstance(problems, list)
    found = [problem for problem in problems if message in str(problem)]
    assert found, [str(problem) for problem in problems]
    assert help in found[0].help


def test_a_detector_reads_a_count_by_its_stage_and_kind() -> None:
    compiled = compile_expression('"a" in flags || detects("iban", "email")', "request")
    assert isinstance(compiled, Compiled)
    assert compiled.expression.names == {"flags", "input.detected.iban", "input.detected.email"}
    assert compiled.expression.evaluate({"flags": ("a",)}) is True
    assert compiled.expression.evaluate({"flags": (), "input.detected.iban": 2}) is True
    assert compiled.expression.evaluate({"flags": (), "input.detected.iban": 0, "input.detected.email": 0}) is False


def test_a_detector_without_a_kind_looks_for_personal_data() -> None:
    compiled = compile_expression("detects()", "tool_call")
    assert isinstance(compiled, Compiled)
    assert compiled.expression.names == {f"output.detected.{kind}" for kind in PERSONAL}


def test_all_problems_of_one_expression_come_together() -> None:
    problems = compile_expression("wrkload == 'a' && key.nme == 'b' && stream == 1", "request")
    assert isinstance(problems, list)
    assert len(problems) == 3


def test_what_an_expression_reads() -> None:
    compiled = compile_expression('context.a == 1 && context["b c"] == 2 && "f" in flags && key.name == "" && "z" in context', "request")
    assert isinstance(compiled, Compiled)
    assert compiled.expression.names == {"context", "flags", "key.name"}
    assert compiled.keys == {"context.a", "context.b c", "context.z"}
    assert compiled.constant is None


NOT_WANTED: list[tuple[str, Stage, Wanted, str, str]] = [
    ("quality > 0.5", "candidate", "number", "must give a number, not a boolean", "`cost`"),
    ("model", "candidate", "number", "must give a number, not a string", "`cost`"),
    ("context.weight", "candidate", "number", "must give a number, not a value of the context", "+ 0"),
    ("context", "sticky", "scalar", "must give a single value, not a map", "context.x"),
    ("flags", "sticky", "scalar", "must give a single value, not a list of strings", "`run`"),
    ("null", "sticky", "scalar", "must give a single value, not null", "`run`"),
    ("output.text", "sticky", "scalar", "unknown name `output.text`", "stage output"),
]


@pytest.mark.parametrize(("text", "stage", "wants", "message", "help"), NOT_WANTED)
def test_an_expression_gives_what_its_place_wants(text: str, stage: Stage, wants: Wanted, message: str, help: str) -> None:
    problems = compile_expression(text, stage, wants)
    assert isinstance(problems, list)
    assert message in str(problems[0])
    assert help in problems[0].help


@pytest.mark.parametrize(
    ("text", "stage", "wants", "values", "expected"),
    [
        ("cost * (2 - quality)", "candidate", "number", {"cost": 0.5, "quality": 0.5}, 0.75),
        ("-quality", "candidate", "number", {"quality": 0.5}, -0.5),
        ("cost > 1 ? cost : p95_ms", "candidate", "number", {"cost": 2.0}, 2.0),
        ("min_quality", "request", "number", {"min_quality": None}, None),
        ("run", "sticky", "scalar", {"run": "r1"}, "r1"),
        ("context.customer", "sticky", "scalar", {"context": {"customer": 7}}, 7),
        ('workflow + "/" + run', "sticky", "scalar", {"workflow": "w", "run": "r"}, "w/r"),
        ("stream", "sticky", "scalar", {"stream": True}, True),
    ],
)
def test_numbers_and_single_values(text: str, stage: Stage, wants: Wanted, values: dict[str, object], expected: object) -> None:
    compiled = compile_expression(text, stage, wants)
    assert isinstance(compiled, Compiled), compiled
    assert compiled.expression.evaluate(values) == expected
    assert compiled.constant is None
    again = compile_checked(text, stage, wants)
    assert again.evaluate(values) == expected
    assert (again.text, again.names, again.stage, again.wants) == (text, compiled.expression.names, stage, wants)
