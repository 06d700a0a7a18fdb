"""What the gates say of an invocation: as far as possible before the send, and finally when the answer is there.

A gate whose condition fails to evaluate closes: it counts as matched. One that hangs on a confidence which nobody knows does what its
`confidence.unknown` says.
"""

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Literal

import msgspec

from orchvynt.language.expressions.values import NotKnownYetError
from orchvynt.language.snapshot import EvaluationError, Gate

Verdict = Literal["matched", "passed", "failed"]


class Judgement(msgspec.Struct, frozen=True, gc=False):
    """`failed` closes the gate like `matched`; `problem` then says why. It also says why the confidence is unknown, where that decided."""

    gate: str
    verdict: Verdict
    problem: str = ""

    @property
    def closes(self) -> bool:
        return self.verdict != "passed"


def foresee(gates: Sequence[Gate], values: Mapping[str, object]) -> tuple[tuple[Judgement, ...], tuple[str, ...]]:
    """Before the send, where `values` has no `output.*`: the judgements that are certain, and the names of undecided gates.

    A name that `values` does not have makes an expression fail; `&&` and `||` absorb that where the other side decides, so an
    expression that gives a value is certain, and one that fails is undecided.
    """
    certain, undecided = [], []
    for gate in gates:
        if gate.when is None:
            certain.append(Judgement(gate.name, "matched"))
            continue
        try:
            matched = gate.when.evaluate(values) is True
        except EvaluationError:
            undecided.append(gate.name)
            continue
        certain.append(Judgement(gate.name, "matched" if matched else "passed"))
    return tuple(certain), tuple(undecided)


def judge(gate: Gate, values: MutableMapping[str, object]) -> Judgement:
    """The final judgement of one gate on a whole answer. Of all values only `confidence` may still be unknown."""
    if gate.when is None:
        return Judgement(gate.name, "matched")
    try:
        return Judgement(gate.name, "matched" if gate.when.evaluate(values) is True else "passed")
    except NotKnownYetError as error:
        return _unsure(gate, values, error)
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
