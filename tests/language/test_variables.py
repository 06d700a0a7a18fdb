"""The table of variables, row by row as it was agreed: each has one type, is known to its stages, and elsewhere the error says where."""

from typing import get_args

import pytest

from orchvynt.language.expressions.compiling import Compiled, compile_expression
from orchvynt.language.kinds import Type
from orchvynt.language.variables import GROUPS, STAGE_WORDS, TABLES, Stage

STAGES: tuple[Stage, ...] = get_args(Stage)
INVOCATION: tuple[Stage, ...] = ("request", "input", "candidate", "output", "tool_call", "record", "sticky")
CONTENT: tuple[Stage, ...] = ("request", "input", "candidate", "output", "tool_call", "sticky")
ANSWER: tuple[Stage, ...] = ("output", "tool_call")

TEXT, NUMBER, BOOL, TEXTS, MAYBE, MAP = Type.STRING, Type.NUMBER, Type.BOOL, Type.STRINGS, Type.OPTIONAL_NUMBER, Type.MAP

ROWS: list[tuple[str, Type, tuple[Stage, ...]]] = [
    *((name, TEXT, INVOCATION) for name in ("workflow", "agent", "run", "session", "workload", "requested_model", "endpoint", "user")),
    *((name, TEXT, INVOCATION) for name in ("key.name", "key.owner")),
    ("flags", TEXTS, INVOCATION),
    ("context", MAP, INVOCATION),
    ("stream", BOOL, INVOCATION),
    ("min_quality", MAYBE, INVOCATION),
    *((name, NUMBER, INVOCATION) for name in ("now.hour", "now.weekday", "caller_retry")),
    *((name, NUMBER, CONTENT) for name in ("input.tokens_bound", "input.messages", "input.bytes", "input.images")),
    ("input.text", TEXT, CONTENT),
    ("tools", TEXTS, CONTENT),
    ("max_output_tokens", MAYBE, CONTENT),
    ("wants.json_schema", BOOL, CONTENT),
    ("model", TEXT, ("candidate", *ANSWER, "record")),
    ("provider", TEXT, ("candidate", *ANSWER, "alert", "record")),
    ("region", TEXT, ("candidate",)),
    ("quality", NUMBER, ("candidate", "canary")),
    ("cost", NUMBER, ("candidate", *ANSWER, "canary", "record")),
    *((name, NUMBER, ("candidate", "canary")) for name in ("p50_ms", "p95_ms", "p99_ms", "error_rate")),
    ("context_window", NUMBER, ("candidate",)),
    ("healthy", BOOL, ("candidate",)),
    ("samples", NUMBER, ("candidate",)),
    ("output.text", TEXT, ANSWER),
    ("output.tokens", MAYBE, ANSWER),
    ("output.finish", TEXT, ANSWER),
    ("output.refusal", TEXT, ANSWER),
    ("output.valid_json", BOOL, ANSWER),
    ("confidence", NUMBER, ANSWER),
    ("tier", NUMBER, (*ANSWER, "record")),
    ("rescued", BOOL, ANSWER),
    ("latency_ms", NUMBER, (*ANSWER, "record")),
    ("unusual", BOOL, ANSWER),
    ("tool.name", TEXT, ("tool_call",)),
    ("tool.args", MAP, ("tool_call",)),
    ("tool.index", NUMBER, ("tool_call",)),
    ("calls", NUMBER, ("canary", "alert")),
    ("review_reject_rate", NUMBER, ("canary",)),
    *(
        (f"stable.{name}", NUMBER, ("canary",))
        for name in ("error_rate", "p50_ms", "p95_ms", "p99_ms", "cost", "quality", "calls", "review_reject_rate")
    ),
    ("activation_rate", NUMBER, ("alert",)),
    ("chain", TEXT, ("alert",)),
    ("rule", TEXT, ("record",)),
    ("outcome", TEXT, ("record",)),
    ("budget_events", TEXTS, ("record",)),
    ("gates", TEXTS, ("record",)),
]

WELL_TYPED = {
    TEXT: '{} == "a" && {}.startsWith("a")',
    NUMBER: "{} > 0.5 && {} + 1 < 3",
    MAYBE: "{} == null || {} > 0.5",
    BOOL: "{} && !{}",
    TEXTS: '"a" in {} && size({}) > 1',
    MAP: '{}.key == "a" && {}.deep.key == null',
}
ILL_TYPED = {
    TEXT: "{} > 1",
    NUMBER: '{} == "a"',
    MAYBE: '{} == "a"',
    BOOL: "{} == 1",
    TEXTS: "{} == 1",
    MAP: "{} == 1",
}


def test_the_table_has_these_rows_and_no_others() -> None:
    assert {(stage, name) for name, _, stages in ROWS for stage in stages} == {(stage, name) for stage in STAGES for name in TABLES[stage]}
    assert len({name for name, _, _ in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("name", "type_", "stages"), ROWS, ids=[name for name, _, _ in ROWS])
def test_a_variable_has_its_type_where_it_is_known(name: str, type_: Type, stages: tuple[Stage, ...]) -> None:
    for stage in stages:
        assert TABLES[stage][name].type is type_
        assert TABLES[stage][name].description
        compiled = compile_expression(WELL_TYPED[type_].format(name, name), stage)
        assert isinstance(compiled, Compiled), compiled
        assert compiled.expression.names == {name}
        problems = compile_expression(ILL_TYPED[type_].format(name), stage)
        assert isinstance(problems, list)
        assert type_.value in str(problems[0])


@pytest.mark.parametrize(("name", "type_", "stages"), ROWS, ids=[name for name, _, _ in ROWS])
def test_elsewhere_the_error_says_where_it_is_known(name: str, type_: Type, stages: tuple[Stage, ...]) -> None:
    for stage in set(STAGES) - set(stages):
        problems = compile_expression(WELL_TYPED[type_].format(name, name), stage)
        assert isinstance(problems, list), stage
        assert str(problems[0]) == f"unknown name `{name}`"
        assert f"`{name}` exists in " in problems[0].help
        for known in stages:
            assert STAGE_WORDS[known] in problems[0].help
        assert STAGE_WORDS[stage] in problems[0].help


MISSPELT: list[tuple[str, Stage, str, str]] = [
    ("input.txet == 'a'", "request", "`input.txet`", "`input.text`"),
    ("now.minute == 1", "request", "`now.minute`", "now.hour, now.weekday"),
    ("key.nmae == 'a'", "output", "`key.nmae`", "`key.name`"),
    ("output.txt == 'a'", "output", "`output.txt`", "`output.text`"),
    ("output.txt == 'a'", "request", "`output.txt`", "gates of stage output"),
    ("stable.p95 > 1", "canary", "`stable.p95`", "`stable.p95_ms`"),
    ("p95 > 1", "candidate", "`p95`", "`p95_ms`"),
    ("qualty > 1", "candidate", "`qualty`", "`quality`"),
    ("qualty > 1", "output", "`qualty`", "`quality` exists in"),
    ("tool.arg.x == 1", "tool_call", "`tool.arg`", "`tool.args`"),
    ("wants.json == true", "request", "`wants.json`", "wants.json_schema"),
    ("zzzz == 'a'", "alert", "`zzzz`", "activation_rate, calls, chain, provider"),
    ("zzzz.y.x == 'a'", "alert", "`zzzz`", "activation_rate"),
]


@pytest.mark.parametrize(("text", "stage", "name", "help"), MISSPELT)
def test_a_misspelt_name_is_found_when_loaded(text: str, stage: Stage, name: str, help: str) -> None:
    problems = compile_expression(text, stage)
    assert isinstance(problems, list)
    assert len(problems) == 1
    assert str(problems[0]) == f"unknown name {name}"
    assert text[problems[0].start : problems[0].end] == name.strip("`")
    assert help in problems[0].help


@pytest.mark.parametrize("name", ["stable", "input", "key", "now", "output", "tool", "wants"])
def test_half_a_name_is_no_value(name: str) -> None:
    for stage in STAGES:
        problems = compile_expression(f"{name} == 1", stage)
        assert isinstance(problems, list)
        known = any(one.startswith(f"{name}.") for one in TABLES[stage])
        assert str(problems[0]) == (f"`{name}` is not a value by itself" if known else f"unknown name `{name}`")


def test_keys_of_the_context_and_of_arguments_are_free() -> None:
    compiled = compile_expression('context.anything.at["all"].goes == 1 && tool.args.amount > 100 && has(tool.args.to.whom)', "tool_call")
    assert isinstance(compiled, Compiled), compiled
    assert compiled.keys == {"context.anything"}


def test_every_variable_is_in_a_group_of_the_reference() -> None:
    listed = {variable.name for _, variables in GROUPS for variable in variables}
    assert listed == {name for table in TABLES.values() for name in table}
