"""What a caller is told when no model of its plan may be asked: which filter decided, with its numbers, and what to do."""

from collections.abc import Sequence
from typing import Final

from orchvynt.decisions.routing.filters import ORDER
from orchvynt.language.snapshot import Key, Snapshot
from orchvynt.model.candidates import CandidateRejected
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Invocation

AGAIN_SECONDS: Final = 30
LISTED_MAX: Final = 20
_WORDS: Final = {"tools": "takes tools", "images": "takes images", "json_schema": "takes a JSON Schema for its answer"}
_PARAMS: Final = {"tools": "tools", "images": "messages", "json_schema": "response_format"}


def key_may_not(snapshot: Snapshot, invocation: Invocation, model: str) -> Fault:
    """The caller named a model that its key may not use: another in its place would not be what it asked for."""
    key = snapshot.keys.get(invocation.key, Key(invocation.key, allow_models=frozenset()))
    allowed = sorted(key.allow_models or ())
    return Fault(
        "forbidden",
        f"The key {key.name} may not use {model}.",
        f"It may use: {', '.join(allowed[:LISTED_MAX]) or 'no model'}. Ask for one of these, or let `allow_models` of this key be changed.",
        param="model",
        detail={"key": key.name, "model": model, "allow_models": allowed[:LISTED_MAX]},
    )


def no_candidate(invocation: Invocation, rule: str, rejected: Sequence[CandidateRejected]) -> Fault:
    """The filter that took the last candidates decides: those that came so far failed it."""
    last = max((one.by for one in rejected), key=lambda by: ORDER.index(by))
    said = "; ".join(f"{one.model}: {one.why}" for one in rejected[:LISTED_MAX])
    detail = {"rule": rule, "rejected": [{"model": one.model, "why": one.why} for one in rejected[:LISTED_MAX]]}
    explain = f"See `orchvynt explain {invocation.id}`."
    match last:
        case "allow_models":
            message = f"The key {invocation.key} may use no model of this plan. {said}."
            return Fault("forbidden", message, "Let `allow_models` of this key be changed, or ask for another model.", "model", detail)
        case "constraint":
            message = f"No model of this plan is in a region that the policy's constraints allow. {said}."
            return Fault("forbidden", message, "Give a model of these regions to the rule or to the chain.", None, detail)
        case "min_quality":
            message = f"No model of this plan is as good as min_quality asks. {said}."
            return Fault("unsupported", message, "Lower `x-orchvynt-min-quality`, or leave it out.", "min_quality", detail)
        case "context":
            message = f"The request is too long for every model it could go to. {said}."
            return Fault("context_length", message, "Shorten the messages, or add a model with a larger context.", "messages", detail)
        case "tools" | "images" | "json_schema":
            message = f"No model of this plan {_WORDS[last]}. {said}."
            help_text = f"Ask for a model that does; if one of these does, say so in the policy: `capabilities: {{{last}: true}}`."
            return Fault("unsupported", message, help_text, _PARAMS[last], detail)
        case _:
            message = f"No candidate of rule {rule} passes its `where`, and no chain stands behind it. {said}."
            detail |= {"attempts": [], "skipped": detail["rejected"]}
            return Fault("all_providers_failed", message, explain, None, detail, AGAIN_SECONDS, True)
