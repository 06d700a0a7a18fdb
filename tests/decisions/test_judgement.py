"""What gates say: certain before the send where the request alone decides, and closed where a condition fails."""

from orchvynt.decisions.gates.judgement import Judgement, foresee, judge
from orchvynt.language.expressions.compiling import Compiled, compile_expression
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
