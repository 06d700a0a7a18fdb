"""What a judge is asked about an answer: a life within the life (`State.judging`), with a hold and an attempt of its own."""

import msgspec

from orchvynt.catalog.reasoning import reasons
from orchvynt.decisions.confidence import judges
from orchvynt.decisions.routing.names import resolve
from orchvynt.dialects import registry
from orchvynt.dialects.shapes import Reading
from orchvynt.language.snapshot import Model, Snapshot
from orchvynt.lifecycle.commands import Admit, ForJudge
from orchvynt.lifecycle.events import AnyEvent
from orchvynt.lifecycle.replies import reply_of
from orchvynt.lifecycle.state import Judge, State
from orchvynt.lifecycle.tiers import candidate_of
from orchvynt.model.candidates import CandidateChosen
from orchvynt.model.ids import attempt_id

PURPOSE = "judge"
OUTPUT_TOKENS = 64
# Of models that may think before they write the number: those of OpenAI that reason, and whatever else is served.
OUTPUT_TOKENS_THINKING = 2_048


def question(snapshot: Snapshot, state: State, judge: Judge, event: AnyEvent) -> State:
    """The life of one question. It stands on the budgets of the invocation, and is no invocation more on any of them."""
    model = resolve(snapshot, judge.model)
    assert model is not None
    invocation = state.invocation
    reply = reply_of(snapshot, state)
    calls = [(call.name, call.arguments) for call in reply.tool_calls]
    request = registry.caller(invocation.dialect).input_text(invocation.ask)
    case = judges.case(request, reply.text or reply.refusal, calls, invocation.id)
    read = registry.caller("openai_chat").read(_body(model, judge.model, case))
    assert isinstance(read, Reading), "what is asked of a judge is a well-formed request"
    return State(
        msgspec.structs.replace(invocation, dialect="openai_chat", ask=read.ask),
        phase="admitting",
        policy_version=state.policy_version,
        candidates=(CandidateChosen(1, judge.model, judge.provider, PURPOSE),),
        tier=1,
        attempt_count=state.attempt_count + state.judged,
        started_mono=event.mono,
        applied=[msgspec.structs.replace(one, prompt="") for one in state.applied],
        counted=True,
        purpose=PURPOSE,
    )


def _body(model: Model, name: str, case: str) -> bytes:
    kind, thinks = model.provider.kind, reasons(model.upstream_model)
    body: dict[str, object] = {
        "model": name,
        "messages": [{"role": "system", "content": judges.rules()}, {"role": "user", "content": case}],
        "max_tokens": OUTPUT_TOKENS if kind in ("openai", "anthropic") and not thinks else OUTPUT_TOKENS_THINKING,
    }
    if not thinks:
        body["temperature"] = 0
    if model.capabilities.json_schema:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": judges.FIELD, "strict": True, "schema": judges.SCHEMA},
        }
    return msgspec.json.encode(body)


def ask(asked: State) -> ForJudge:
    """Has the question admitted, and then sent."""
    # There is nobody else to ask, so whatever would only cost it its place is forgiven.
    asked.phase = "admitting"
    name = candidate_of(asked).model
    return ForJudge(Admit(1, name, attempt_id(asked.invocation.id, asked.attempt_count + 1), at_last=True))
