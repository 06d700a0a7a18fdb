"""How sure an answer is, as the open gates want to know it: what must be asked for before the send, and what the answer itself says.

Whoever did not ask for log probabilities sees none: they are read here, and gone before anything else looks at the answer.
"""

from typing import Final

import msgspec

from orchvynt.decisions.confidence.figures import NO_TEXT, Sureness, of_json, of_logprobs
from orchvynt.decisions.routing.figures import Observed
from orchvynt.decisions.routing.filters import Filters
from orchvynt.decisions.routing.names import resolve
from orchvynt.dialects import registry
from orchvynt.language.compiled_gates import Confidence
from orchvynt.language.detecting import of_presidio
from orchvynt.language.scope import RequestValues
from orchvynt.language.snapshot import Gate, Snapshot
from orchvynt.lifecycle.replies import reply_of
from orchvynt.lifecycle.state import Judge, State
from orchvynt.lifecycle.tiers import candidate_of
from orchvynt.model.candidates import CandidateRejected
from orchvynt.model.chat import Reply

READS_UNUSUAL: Final = "unusual"


def foresee_confidence(snapshot: Snapshot, state: State, values: RequestValues, observed: Observed) -> None:
    """Before the first send: what the undecided gates will read of the answer. Key and constraints bind a judge, which reads the request,
    as they bind every candidate; what only concerns who answers does not."""
    filters: Filters | None = None
    judges: dict[str, Judge] = {}
    for gate in open_gates(snapshot, state):
        if gate.when is not None:
            if READS_UNUSUAL in gate.when.names:
                state.compares = True
            if snapshot.presidio is not None and of_presidio(gate.when.names):
                state.looks = True
        if gate.confidence is None:
            continue
        state.weighs = True
        if gate.confidence.source == "logprobs":
            state.logprobs = "read" if state.invocation.ask.wants_logprobs else "hidden"
        elif gate.confidence.source == "judge" and gate.confidence.of not in judges:
            filters = filters or Filters(snapshot, state.invocation, values, observed.scores)
            judges[gate.confidence.of] = _weighed(snapshot, gate.confidence.of, filters)
    if judges:
        state.judges = tuple(judges.values())


def _weighed(snapshot: Snapshot, name: str, filters: Filters) -> Judge:
    model = resolve(snapshot, name)
    assert model is not None, "a policy whose judge it does not have is not compiled"
    verdict = filters.check(model)
    if isinstance(verdict, CandidateRejected) and verdict.by in ("allow_models", "constraint"):
        return Judge(name, refused=f"{model.name} may not be asked: {verdict.why}")
    return Judge(name, model.provider.name)


def open_gates(snapshot: Snapshot, state: State) -> list[Gate]:
    """Those that hold the answer, and those that only look at it, in the policy's order."""
    held, later = state.gates_open, state.later_open
    return [gate for gate in snapshot.gates if gate.name in held or gate.name in later]


def take_figures(snapshot: Snapshot, state: State) -> None:
    """The answer is whole: reads what it says of itself, and hides what its caller did not ask for."""
    reply = reply_of(snapshot, state)
    for gate in open_gates(snapshot, state):
        confidence = gate.confidence
        if confidence is not None and confidence.source != "judge" and confidence.text not in state.sureness:
            state.sureness[confidence.text] = _read(snapshot, state, confidence, reply)
    if state.logprobs == "hidden":
        _hide(snapshot, state, reply)


def _read(snapshot: Snapshot, state: State, confidence: Confidence, reply: Reply) -> Sureness:
    if confidence.source == "json":
        return of_json(reply.text, confidence.of) if reply.text else NO_TEXT
    if reply.logprobs:
        return of_logprobs(reply.logprobs)
    model = resolve(snapshot, candidate_of(state).model)
    assert model is not None
    provider = registry.provider_for(model.provider.wire, state.invocation.dialect)
    if not provider.gives_logprobs(model.upstream_model):
        return Sureness(None, f"{model.name} gives no log probabilities")
    if not reply.text:
        return NO_TEXT
    return Sureness(None, f"{candidate_of(state).provider} gave no log probabilities")


def _hide(snapshot: Snapshot, state: State, reply: Reply) -> None:
    """The relay of a stream has hidden them already."""
    state.reply = msgspec.structs.replace(reply, logprobs=())
    if state.answer is not None:
        wire = snapshot.providers[candidate_of(state).provider].wire
        provider = registry.provider_for(wire, state.invocation.dialect)
        state.answer = msgspec.structs.replace(state.answer, body=provider.without_logprobs(state.answer.body))
