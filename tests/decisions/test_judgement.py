"""What gates say: certain before the send where the request alone decides, and closed where a condition fails."""

from collections.abc import MutableMapping

import msgspec
import pytest

from orchvynt.decisions.gates.judgement import foresee, judge, judge_calls
from orchvynt.decisions.gates.verdicts import Judgement
from orchvynt.language.compiled_gates import Confidence, Stage
from orchvynt.language.expressions.compiling import Compiled, compile_expression
from orchvynt.language.scope import OutputValues, RequestValues
from orchvynt.language.snapshot import EvaluationError, Expression, Gate
from orchvynt.model.chat import Reply
from orchvynt.model.invocation import Ask, Claims, Invocation

MADE = Invocation("inv_1", 0, "/v1/chat/completions", "openai_chat", "k", Claims(flags=("review",)), Ask("gpt", b"{}"))
REPLY = Reply("c", "gpt", 1, "hi", (), "stop")


def when(text: str, stage: Stage = "output") -> Expression:
    compiled = compile_expression(text, stage)
    assert isinstance(compiled, Compiled), compiled
    return compiled.expression


def gate(name: str, text: str = "") -> Gate:
    return Gate(name, "output", when(text) if text else None, "people", False, None)


def before() -> RequestValues:
    return RequestValues(MADE, 0, lambda: "hello")


def after() -> OutputValues:
    return OutputValues(MADE, 0, lambda: "hello", lambda: REPLY, "gpt", "openai", 1, 0.5, 12.0)


def test_a_gate_without_condition_is_certain() -> None:
    assert foresee(gate("g"), before()) == "matched"
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
    found = {one.name: foresee(one, before()) for one in gates}
    assert [(name, verdict) for name, verdict in found.items() if verdict is not None] == [
        ("flag", "matched"),
        ("no flag", "passed"),
        ("flag or text", "matched"),
        ("never", "passed"),
    ]
    assert [name for name, verdict in found.items() if verdict is None] == ["text", "both"]


def test_the_answer_decides_the_rest() -> None:
    assert judge(gate("text", 'output.text == "hi"'), after()).verdict == "matched"
    assert judge(gate("text", 'output.text == "ho"'), after()).verdict == "passed"
    assert judge(gate("cost", "cost > 0.1 && latency_ms < 20.0"), after()).closes


def test_a_condition_that_fails_closes_and_says_why() -> None:
    broken = gate("bad", "output.text.size() / 0 > 1")
    assert foresee(broken, before()) is None
    judged = judge(broken, after())
    assert (judged.verdict, judged.closes) == ("failed", True)
    assert "zero" in judged.problem
    assert not judge(gate("text", 'output.text == "ho"'), after()).closes


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
    found = judge(asks, after())
    assert found.verdict == verdict
    assert ("not known" in found.problem) == (verdict in ("matched", "passed") and "output" not in text)


def test_without_a_source_what_is_unknown_closes() -> None:
    assert judge(gate("g", "confidence < 0.75"), after()).verdict == "failed"


class Broken(dict[str, object]):
    """Arguments that cannot be read."""

    def get(self, key: str, default: object = None) -> object:
        raise EvaluationError("the arguments of the call are no JSON")


def call_gate(text: str = "") -> Gate:
    return Gate("g", "tool_call", when(text, "tool_call") if text else None, "people", False, None)


def foreseen(one: Gate, *tools: str, stream: bool = True) -> str:
    return foresee(one, before(), tools, stream) or f"undecided {one.name}"


def test_a_stream_is_of_no_interest_to_a_gate_that_matches_none_of_the_tools_it_offers() -> None:
    named = call_gate('tool.name in ["refund", "wipe"]')
    assert foreseen(named) == "passed"
    assert foreseen(named, "look_up") == "passed"
    assert foreseen(named, "look_up", "wipe") == "undecided g"
    assert foreseen(call_gate()) == "passed"
    assert foreseen(call_gate(), "look_up") == "undecided g", "a gate without condition matches any call, if there is one"
    assert foreseen(call_gate("tool.args.amount > 5"), "look_up") == "undecided g"
    assert foreseen(call_gate('"review" in flags'), "look_up") == "undecided g"
    assert foreseen(call_gate('"other" in flags && tool.name == "refund"'), "refund") == "passed"
    assert foreseen(call_gate('tool.name == "refund" && ["a"].exists(x, x == tool.args.to)'), "look_up") == "passed"


def test_an_answer_that_comes_whole_is_judged_by_the_calls_that_it_has() -> None:
    assert foreseen(call_gate('tool.name == "refund"'), stream=False) == "undecided g"
    assert foreseen(call_gate('"other" in flags && tool.name == "refund"'), stream=False) == "passed"


def test_any_call_that_matches_closes_and_is_named() -> None:
    one = call_gate('tool.name == "refund" && tool.args.amount > 5')
    made: list[tuple[tuple[int, str], MutableMapping[str, object]]] = [
        ((0, "refund"), {"tool.name": "refund", "tool.args": {"amount": 1}}),
        ((1, "look_up"), {"tool.name": "look_up", "tool.args": Broken()}),
        ((2, "refund"), {"tool.name": "refund", "tool.args": {"amount": 9}}),
        ((3, "refund"), {"tool.name": "refund", "tool.args": Broken()}),
    ]
    assert judge_calls(one, []) == Judgement("g", "passed")
    assert judge_calls(one, made[:2]) == Judgement("g", "passed")
    assert judge_calls(one, made[:3]) == Judgement("g", "matched", "", ((2, "refund"),))
    both = judge_calls(one, made)
    assert (both.verdict, both.calls) == ("matched", ((2, "refund"), (3, "refund")))
    failed = judge_calls(one, made[3:])
    assert (failed.verdict, failed.closes) == ("failed", True)
    assert failed.problem
