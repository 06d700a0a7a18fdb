"""What the gates say of an invocation: of its request, of the answer as far as possible before the send, and of the answer itself.

A gate whose condition fails to evaluate closes: it counts as matched. One that hangs on a confidence which nobody knows does what its
`confidence.unknown` says.
"""

from collections import ChainMap
from collections.abc import Iterable, Mapping, MutableMapping, Sequence

from orchvynt.decisions.gates.verdicts import Call, Judgement, Verdict
from orchvynt.language.expressions.values import NotKnownYetError
from orchvynt.language.snapshot import EvaluationError, Gate


def foresee(gate: Gate, values: Mapping[str, object], tools: Sequence[str] = (), stream: bool = False) -> Verdict | None:
    """Before the send, where `values` has no `output.*`: the verdict that is certain; None where the gate has to see the answer.

    A name that `values` does not have makes an expression fail; `&&` and `||` absorb that where the other side decides, so an
    expression that gives a value is certain, and one that fails is undecided. `tools` are those that the request offers: a stream is of
    no interest to a gate that would match none of their calls. An answer that comes whole is judged by the calls that it has.
    """
    verdict = _foreseen(gate, values)
    if gate.stage == "tool_call" and verdict != "passed":
        # Whether there is a call at all is not known yet.
        return "passed" if stream and not any(_may_match(gate, values, tool) for tool in tools) else None
    return verdict


def _foreseen(gate: Gate, values: Mapping[str, object]) -> Verdict | None:
    if gate.when is None:
        return "matched"
    try:
        return "matched" if gate.when.evaluate(values) is True else "passed"
    except EvaluationError:
        return None


def _may_match(gate: Gate, values: Mapping[str, object], tool: str) -> bool:
    """Whether the gate may match a call of this tool, whatever its arguments are."""
    return _foreseen(gate, ChainMap({"tool.name": tool}, values)) != "passed"  # type: ignore[arg-type]  # it is only read


def judge(gate: Gate, values: MutableMapping[str, object]) -> Judgement:
    """The final judgement of one gate on a request, or on a whole answer. Of all values only `confidence` may still be unknown."""
    if gate.when is None:
        return Judgement(gate.name, "matched")
    try:
        return Judgement(gate.name, "matched" if gate.when.evaluate(values) is True else "passed")
    except NotKnownYetError as unknown:
        return _unsure(gate, values, unknown)
    except EvaluationError as error:
        return Judgement(gate.name, "failed", str(error))


def _unsure(gate: Gate, values: MutableMapping[str, object], unknown: NotKnownYetError) -> Judgement:
    if gate.confidence is None:
        return Judgement(gate.name, "failed", str(unknown))
    if not gate.confidence.unknown_passes:
        return Judgement(gate.name, "matched", str(unknown))
    assert gate.when is not None, "what has no condition reads nothing"
    # Behind what is unknown a true error may hide, and what errs never passes: with any figure it would come out.
    try:
        for extreme in (0.0, 1.0):
            values["confidence"] = extreme
            gate.when.evaluate(values)
    except EvaluationError as error:
        return Judgement(gate.name, "failed", str(error))
    finally:
        values.pop("confidence", None)
    return Judgement(gate.name, "passed", str(unknown))


def judge_calls(gate: Gate, calls: Iterable[tuple[Call, MutableMapping[str, object]]]) -> Judgement:
    """The final judgement of one gate on the tool calls of a whole answer, each with its own values: any that matches closes it."""
    judged = [(call, judge(gate, values)) for call, values in calls]
    closing = [(call, one) for call, one in judged if one.closes]
    if not closing:
        return Judgement(gate.name, "passed")
    failed = next((one for _, one in closing if one.verdict == "failed"), None)
    verdict: Verdict = "matched" if any(one.verdict == "matched" for _, one in closing) else "failed"
    return Judgement(gate.name, verdict, failed.problem if failed is not None else "", tuple([call for call, _ in closing]))
