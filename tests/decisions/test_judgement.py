"""What gates say: certain before the send where the request alone decides, and closed where a condition fails."""

import msgspec
import pytest

from orchvynt.decisions.gates.judgement import Judgement, foresee, judge
from orchvynt.language.compiled_gates import Confidence
from orchvynt.language.expressions.compiling import Compiled, compile_expression
from orchvynt.language.expressions.values import NotKnownYetError
from orchvynt.language.scope import OutputValues, RequestValues
from orchvynt.language.snapshot import Expression, Gate
from orchvynt.model.chat import Reply
from orchvynt.model.invocation import Ask, Claims, Invocation

MADE = Invocation("inv_1", 0, "/v1/chat/completions", "openai_chat", "k", Claims(flags=("review",)), Ask("gpt", b"{}"))
REPLY = Reply("c", "gpt", 1, "hi", (), "stop")


def when(text: str) -> Expression:
    compiled = compile_expression(text, "output")
    assert isinstance(compiled, Compiled), compiled
    return compiled.expression


def gate(name: str, text: str = "") -> Gate:
    return Gate(name, "output", when(text) if text else None, "people", False, None)


def before() -> RequestValues:
    return RequestValues(MADE, 0, lambda: "hello")


def after() -> OutputValues:
    return OutputValues(MADE, 0, lambda: "hello", lambda: REPLY, "gpt", "openai", 1, 0.5, 12.0)


def test_a_gate_without_condition_is_certain() -> None:
    assert foresee([gate("g")], before()) == ((Judgement("g", "matched"),), ())
    assert judge(gate("g"), after()) == Judgement("g", "matched")


def test_what_the_request_alone_decides_is_certain_before_the_send() -> None:
    gates = [
        gate("flag", '"review" in flags'),
        gate("no flag", '"other" in flags'),
        gate("flag or text", '"review" in flags || output.text == "x"'),
        gate("never", '"other" in flags && output.text == "x"'),
        gate("text", 'output.text == "hi"'),
        gate("both", '"review" in flags && cost > 0.1'),
    ]
    certain, undecided = foresee(gates, before())
    assert [(one.gate, one.verdict) for one in certain] == [
        ("flag", "matched"),
        ("no flag", "passed"),
        ("flag or text", "matched"),
        ("never", "passed"),
    ]
    assert undecided == ("text", "both")


def test_the_answer_decides_the_rest() -> None:
    assert judge(gate("text", 'output.text == "hi"'), after()).verdict == "matched"
    assert judge(gate("text", 'output.text == "ho"'), after()).verdict == "passed"
    assert judge(gate("cost", "cost > 0.1 && latency_ms < 20.0"), after()).closes


def test_a_condition_that_fails_closes_and_says_why() -> None:
    broken = gate("bad", "output.text.size() / 0 > 1")
    assert foresee([broken], before()) == ((), ("bad",))
    judged = judge(broken, after())
    assert (judged.verdict, judged.closes) == ("failed", True)
    assert "zero" in judged.problem
    assert not judge(gate("text", 'output.text == "ho"'), after()).closes


class Unsure(OutputValues):
    """As `lifecycle.parking` gives them where the confidence is unknown."""

    def of_answer(self, name: str) -> object:
        if name == "confidence":
            raise NotKnownYetError("the confidence is unknown: nobody was asked")
        return super().of_answer(name)


def unsure() -> Unsure:
    return Unsure(MADE, 0, lambda: "hello", lambda: REPLY, "gpt", "openai", 1, 0.5, 12.0)


@pytest.mark.parametrize(
    ("text", "passes", "verdict"),
    [
        ("confidence < 0.75", False, "matched"),
        ("confidence < 0.75", True, "passed"),
        ('output.text == "hi" || confidence < 0.75', True, "matched"),
        ('output.text == "ho" && confidence < 0.75', False, "passed"),
        # What errs never passes, wherever it stands.
        ("context.amount + 1 > 0 || confidence < 0.75", True, "failed"),
        ("confidence < 0.75 || context.amount + 1 > 0", True, "failed"),
        ("confidence > 0.75 && context.amount + 1 > 0", True, "failed"),
        ("confidence < 0.75 || context.amount + 1 > 0", False, "matched"),
    ],
)
def test_where_the_confidence_is_unknown_the_gate_says_what_holds(text: str, passes: bool, verdict: str) -> None:
    asks = msgspec.structs.replace(gate("g", text), confidence=Confidence("logprobs", "", passes))
    found = judge(asks, unsure())
    assert found.verdict == verdict
    assert ("unknown" in found.problem) == (verdict in ("matched", "passed") and "output" not in text)


def test_without_a_source_what_is_unknown_closes() -> None:
    assert judge(gate("g", "confidence < 0.75"), unsure()).verdict == "failed"
