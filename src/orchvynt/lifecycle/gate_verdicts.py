"""What the gates say of one invocation, on record: of its request, of its answer before the send, and of the answer when it is there.

A gate that is not enforced, or that is reviewed after the delivery, holds nothing: it is judged all the same.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from orchvynt.decisions.gates.judgement import foresee, judge, judge_calls
from orchvynt.decisions.gates.sampling import drawn
from orchvynt.decisions.gates.verdicts import Judgement
from orchvynt.language.call_values import ToolCallValues
from orchvynt.language.compiled_gates import ALL
from orchvynt.language.scope import RECORDED_ITEMS_MAX, OutputValues, RequestValues, recorded
from orchvynt.language.snapshot import Gate, Snapshot
from orchvynt.lifecycle.answer_values import AnswerValues, read_of_answer
from orchvynt.lifecycle.events import AnyEvent
from orchvynt.lifecycle.state import State
from orchvynt.model import facts
from orchvynt.model.chat import Reply
from orchvynt.model.faults import Fault

NAME_CHARS_MAX: Final = 200
TOO_LONG: Final = "the stream was too long to be kept, so nobody can look at it"

Would = Literal["", "would_park", "would_refuse", "would_review"]


def holds(gate: Gate) -> bool:
    """Whether nothing goes out before the gate has been judged."""
    return gate.enforced and not gate.after_delivery


def judge_request(gates: Iterable[Gate], state: State, event: AnyEvent, values: RequestValues, noted: list[facts.AnyFact]) -> list[Gate]:
    """The gates of stage input that hold this request, in the policy's order; one that fails to evaluate closes."""
    closing = []
    for gate in gates:
        if gate.stage != "input" or not drawn(gate, state.invocation.id):
            continue
        judged = judge(gate, values)
        noted.append(_fact(state, event, gate, judged, _read(gate, values)))
        if judged.closes and _kept(state, gate):
            closing.append(gate)
    return closing


def foresee_gates(snapshot: Snapshot, state: State, event: AnyEvent, values: RequestValues, noted: list[facts.AnyFact]) -> Fault | None:
    """What is certain of the answer before the send, and which gates must see it. The fault is of one that does not let it be asked for."""
    inv, ask = state.invocation.id, state.invocation.ask
    matched: list[Gate] = []
    open_: list[Gate] = []
    for gate in snapshot.gates:
        if gate.stage == "input" or not (gate.sample >= ALL or drawn(gate, inv)):
            continue
        verdict = foresee(gate, values, ask.tool_names, ask.stream)
        if verdict == "passed":
            # Most calls meet no gate: that costs them a fact, and nothing is read for it.
            noted.append(facts.GateJudged(inv, event.at, gate.name, gate.stage, "passed"))
        elif verdict is not None:
            noted.append(_fact(state, event, gate, Judgement(gate.name, verdict), _read(gate, values)))
            if _kept(state, gate):
                state.gates_matched.append(gate.name)
                matched.append(gate)
        elif holds(gate):
            state.gates_open.append(gate.name)
            open_.append(gate)
        else:
            state.later_open.append(gate.name)
    if not matched and not open_:
        return None
    if ask.choices > 1:
        return Fault(
            "unsupported",
            f"A gate has to see the answer, and it sees one: {ask.choices} choices (`n`) cannot be judged.",
            "Ask for one choice, or send the call several times.",
            param="n",
        )
    return refused_stream(state, [*matched, *open_])


def refused_stream(state: State, closing: Sequence[Gate]) -> Fault | None:
    """The fault where one of these gates lets no stream wait."""
    gate = next((gate for gate in closing if gate.refuse_streams), None) if state.invocation.ask.stream else None
    if gate is None:
        return None
    what = "has matched this request before it is sent" if gate.stage == "input" else "must see the whole answer before it goes out"
    return Fault(
        "gate_refused",
        f"Gate {gate.name} {what}, and refuses streams.",
        "Ask without `stream`, or set `stream: hold` on the gate.",
        param="stream",
        detail={"gate": gate.name},
    )


def judge_open(
    snapshot: Snapshot,
    state: State,
    event: AnyEvent,
    values: AnswerValues,
    read: Callable[[], Reply] | None,
    put_off: Collection[str] = (),
) -> list[facts.AnyFact]:
    """The gates that had to see the answer, but for those that hold nothing and are `put_off`. `read` gives it; None where it was not
    kept, and then every one of them closes."""
    several = state.invocation.ask.choices
    names = [name for name in (*state.gates_open, *state.later_open) if name not in put_off]
    state.gates_open = []
    if state.later_open:
        state.later_open = [name for name in state.later_open if name in put_off]
    noted: list[facts.AnyFact] = []
    asked: dict[str, list[str]] = {}
    for gate in snapshot.gates:
        if gate.name not in names:
            continue
        values.turn_to(gate, state)
        reads: Mapping[str, object] = values
        if read is None:
            judged = Judgement(gate.name, "failed", TOO_LONG)
        elif several > 1:
            judged = Judgement(gate.name, "failed", f"a gate sees one answer, and {several} choices (`n`) came")
        elif gate.stage == "tool_call":
            judged, reads = _judge_calls(gate, values, read())
        else:
            judged = judge(gate, values)
        kept = _read(gate, reads)
        if values.unsure:
            kept["unknown"] = sorted([*kept.get("unknown", ()), "confidence"])
        if gate.confidence is not None and (values.unsure or "confidence" in kept):
            asked.setdefault(gate.confidence.text, []).append(gate.name)
        # It would not have got so far: a gate that refuses streams does that as soon as it may match.
        noted.append(_fact(state, event, gate, judged, kept, may_refuse=True))
        if judged.closes and _kept(state, gate):
            state.gates_matched.append(gate.name)
    if len(state.gates_matched) > 1:
        order = [gate.name for gate in snapshot.gates]
        state.gates_matched.sort(key=order.index)
    return [*read_of_answer(state, event, values, asked), *noted]


def _judge_calls(gate: Gate, values: OutputValues, reply: Reply) -> tuple[Judgement, Mapping[str, object]]:
    """With what was read of the first call that it closes for, or of the last one."""
    calls = [ToolCallValues(values, call, index) for index, call in enumerate(reply.tool_calls)]
    judged = judge_calls(gate, [((one.index, one.call.name[:NAME_CHARS_MAX]), one) for one in calls])
    if not calls:
        return judged, {}
    return judged, calls[judged.calls[0][0] if judged.calls else -1]


def _kept(state: State, gate: Gate) -> bool:
    """A gate has matched: whether it holds the invocation now. One that is reviewed later is kept in mind, one that observes is not."""
    if gate.enforced and gate.after_delivery:
        state.later_matched.append(gate.name)
    return holds(gate)


def _fact(
    state: State, event: AnyEvent, gate: Gate, judged: Judgement, reads: dict[str, Any], may_refuse: bool = False
) -> facts.GateJudged:
    would: Would = ""
    if not gate.enforced:
        if gate.after_delivery:
            would = "would_review" if judged.closes else ""
        elif gate.refuse_streams and state.invocation.ask.stream:
            would = "would_refuse" if judged.closes or may_refuse else ""
        else:
            would = "would_park" if judged.closes else ""
    calls = judged.calls[:RECORDED_ITEMS_MAX]
    later = gate.after_delivery if judged.verdict != "passed" else None
    return facts.GateJudged(
        state.invocation.id, event.at, gate.name, gate.stage, judged.verdict, reads, judged.problem, calls, would, later
    )


def _read(gate: Gate, values: Mapping[str, object]) -> dict[str, Any]:
    """What this gate's condition read."""
    if gate.when is None:
        return {}
    names = gate.when.names
    return recorded({name: value for name, value in values.items() if name in names})
