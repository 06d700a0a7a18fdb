"""What `detects(…)` sees of a request and of an answer, and what a record keeps of it."""

import json
from typing import Any

import pytest

from orchvynt.language.compiled import EvaluationError
from orchvynt.language.expressions.compiling import Compiled, compile_expression
from orchvynt.language.expressions.values import NotKnownYetError
from orchvynt.language.scope import OutputValues, RequestValues, recorded
from orchvynt.language.variables import Stage
from orchvynt.model.chat import AnswerFormat, Reply, Thinking, ToolCall
from orchvynt.model.invocation import Ask, Claims, Invocation

INVOCATION = Invocation("inv_1", 1, "/v1/chat/completions", "openai_chat", "k", Claims(), Ask(requested_model="m", body=b"{}"))
CARD = "4111 1111 1111 1111"
SCHEMA = AnswerFormat("schema", schema={"type": "object", "required": ["id"]})


def reply(text: str = "", **more: Any) -> Reply:
    return Reply(**{"id": "r", "model": "m", "created_s": 1, "text": text, "tool_calls": (), "finish": "stop", **more})


def answered(made: Reply, asked: AnswerFormat | None = None) -> OutputValues:
    return OutputValues(INVOCATION, 1, lambda: f"the card {CARD}", lambda: made, "m", "p", 1, 0.0, 1.0, asked_format=lambda: asked)


def run(text: str, stage: Stage, values: RequestValues) -> object:
    compiled = compile_expression(text, stage)
    assert isinstance(compiled, Compiled), compiled
    return compiled.expression.evaluate(values)


def test_in_the_request() -> None:
    values = RequestValues(INVOCATION, 1, lambda: f"the card {CARD} and {CARD}")
    assert run('detects("iban", "credit_card")', "input", values) is True
    assert run('detects("email")', "request", values) is False
    assert recorded(values) == {"input.detected.iban": 0, "input.detected.credit_card": 2, "input.detected.email": 0}
    assert CARD not in json.dumps(recorded(values))


def test_personal_data_where_no_kind_is_named() -> None:
    assert run("detects()", "input", RequestValues(INVOCATION, 1, lambda: "write to ana@example.com")) is True
    assert run("detects()", "input", RequestValues(INVOCATION, 1, lambda: "password: hunter2Xy!z")) is False


@pytest.mark.parametrize(
    "made",
    [
        reply(f"It is {CARD}."),
        reply(refusal=f"not {CARD}"),
        reply(thoughts=(Thinking(f"the card is {CARD}"),)),
        reply(tool_calls=(ToolCall("c", "pay", json.dumps({"card": {"number": [CARD]}})),)),
        reply(tool_calls=(ToolCall("c", "pay", '{"card": 4111111111111111}'),)),
        reply(tool_calls=(ToolCall("c", "pay", f'{{"card": "{CARD}'),)),
    ],
    ids=["text", "refusal", "thought", "tool", "number", "malformed"],
)
def test_everything_of_an_answer_that_reaches_the_caller(made: Reply) -> None:
    values = answered(made)
    assert run('detects("credit_card")', "output", values) is True
    assert run('detects("credit_card")', "tool_call", values) is True
    assert recorded(values) == {"output.detected.credit_card": 1}


def test_an_answer_is_not_its_request() -> None:
    assert run('detects("credit_card")', "output", answered(reply("fine"))) is False


def test_before_the_send_an_answer_is_not_known() -> None:
    values = RequestValues(INVOCATION, 1, lambda: CARD)
    with pytest.raises(NotKnownYetError):
        run('detects("credit_card")', "output", values)
    assert run('workflow == "" || detects("credit_card")', "output", values) is True
    assert run('workflow != "" && detects("credit_card")', "output", values) is False


@pytest.mark.parametrize(
    ("made", "is_one"),
    [
        *(
            (reply("I'm sorry, but I can't help with that."), True),
            (reply(refusal="No."), True),
            (reply("Half", finish="content_filter"), True),
        ),
        *((reply("Here it is."), False), (reply(tool_calls=(ToolCall("c", "t", "{}"),)), False), (reply(), False)),
    ],
)
def test_a_refusal(made: Reply, is_one: bool) -> None:
    assert run('detects("refusal")', "output", answered(made)) is is_one


@pytest.mark.parametrize(
    ("made", "asked", "is_one"),
    [
        *((reply('{"id": 1}'), SCHEMA, False), (reply("{}"), SCHEMA, True), (reply("no"), SCHEMA, True), (reply("no"), None, False)),
        *(
            (reply("no"), AnswerFormat("json"), False),
            (reply(tool_calls=(ToolCall("c", "t", "{}"),)), SCHEMA, False),
            (reply(refusal="No."), SCHEMA, True),
        ),
    ],
)
def test_a_violation_of_the_schema(made: Reply, asked: AnswerFormat | None, is_one: bool) -> None:
    assert run('detects("schema_violation")', "output", answered(made, asked)) is is_one


def test_what_cannot_be_looked_through_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="credit_card"):
        run('detects("credit_card")', "input", RequestValues(INVOCATION, 1, lambda: "4 " * 1_000_000))
    with pytest.raises(EvaluationError, match="cannot be read"):
        run('detects("schema_violation")', "output", answered(reply("{}"), AnswerFormat("schema", schema={"type": "nothing"})))
