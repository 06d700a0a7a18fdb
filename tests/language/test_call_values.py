"""What expressions about a tool call read: the call's own, and what the answer has in common."""

import pytest

from orchvynt.language.call_values import ToolCallValues
from orchvynt.language.expressions.compiling import Compiled, compile_expression
from orchvynt.language.scope import OutputValues, recorded
from orchvynt.language.snapshot import EvaluationError
from orchvynt.model.chat import Reply, ToolCall
from orchvynt.model.invocation import Ask, Claims, Invocation

MADE = Invocation("inv_1", 0, "/v1/chat/completions", "openai_chat", "k", Claims(flags=("review",)), Ask("gpt", b"{}"))


def values(arguments: str, name: str = "refund", index: int = 1) -> ToolCallValues:
    reply = Reply("c", "gpt", 1, "hi", (), "tool_calls")
    answer = OutputValues(MADE, 0, lambda: "hello", lambda: reply, "gpt", "openai", 2, 0.5, 12.0)
    return ToolCallValues(answer, ToolCall("c1", name, arguments), index)


def holds(text: str, of: ToolCallValues) -> bool:
    compiled = compile_expression(text, "tool_call")
    assert isinstance(compiled, Compiled), compiled
    return compiled.expression.evaluate(of) is True


def test_a_call_has_a_name_a_place_and_arguments() -> None:
    asked = values('{"amount": 50, "to": {"bank": "x"}}')
    assert holds('tool.name == "refund" && tool.index == 1', asked)
    assert holds('tool.args.amount > 10 && tool.args.to.bank == "x" && tool.args.other == null', asked)
    assert holds('"review" in flags && output.text == "hi" && tier == 2', asked)
    assert recorded(asked)["tool.args"] == "<text>", "records keep no arguments"
    assert recorded(asked)["tool.name"] == "refund"


@pytest.mark.parametrize("nothing", ["", "  ", "null", "{}"])
def test_without_arguments_every_one_is_absent(nothing: str) -> None:
    assert holds("tool.args.amount == null", values(nothing))
    assert not holds("tool.args.amount > 1", values(nothing))


@pytest.mark.parametrize("broken", ['{"amount": 5', "nonsense", "[" * 100_000 + "]" * 100_000, '"\ud800"', "NaN", "[1]", "7", '"text"'])
def test_what_is_no_map_closes_whoever_asks_for_a_part_of_it(broken: str) -> None:
    with pytest.raises(EvaluationError):
        holds("tool.args.amount > 1", values(broken))
    assert holds('tool.name == "refund"', values(broken)), "the name is known all the same"
