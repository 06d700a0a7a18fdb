"""A stream broke after content was delivered: who goes on with it, and how; or that nobody can, and it ends with the error event.

INVARIANT: what was delivered is never altered or repeated, and a stream that is not whole never ends as if it were.
"""

from typing import Final

from orchvynt.catalog.continues import Continues
from orchvynt.decisions.fallback.moves import Failed, triggers
from orchvynt.decisions.routing.names import resolve
from orchvynt.dialects.seams import Prefix
from orchvynt.language.snapshot import Chain, Snapshot
from orchvynt.lifecycle.commands import AnyCommand, BreakStream, Close, Record
from orchvynt.lifecycle.downgrading import next_downgrade
from orchvynt.lifecycle.endings import finished
from orchvynt.lifecycle.events import AnyEvent, AttemptFailed
from orchvynt.lifecycle.state import Downgrade, State
from orchvynt.lifecycle.tiers import candidate_of
from orchvynt.model import facts
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Ask

RESTART: Final = "restart"
RESCUED_BYTES_MAX: Final = 256 * 1024
"""More than this is not sent to another model as the beginning of its answer."""


def may_be_rescued(chain: Chain | None, ask: Ask) -> bool:
    """Whether what is delivered must be kept, because another model may have to go on with it."""
    return chain is not None and chain.mid_stream != "fail" and ask.choices == 1


def begin_rescue(chain: Chain | None, snapshot: Snapshot, state: State, event: AttemptFailed, failed: Failed) -> str:
    """Prepares the tiers that are left to go on with the answer; gives why it cannot be, or an empty text."""
    state.broken_model = state.broken_model or candidate_of(state).model
    why = _not_to_be_rescued(chain, state, event, failed)
    if why or event.said is None:
        return why
    text = (state.broken.text if state.broken is not None else "") + event.said.text
    if not text:
        # Nothing that a caller sees was delivered: the next tier answers as if it were the first.
        state.broken = Prefix("never", "")
    else:
        ways = {tier: way(snapshot, state.candidates[tier - 1].model) for tier in state.ahead}
        # A model that extends the text itself joins it better than one that is asked to.
        state.ahead = sorted((tier for tier, how in ways.items() if how != "never"), key=lambda tier: (ways[tier] != "prefill", tier))
        state.broken = Prefix("instruct", text)
    state.later.clear()
    return "" if state.ahead or downgrade_left(snapshot, state) is not None else "no tier is left that could go on with it"


def _not_to_be_rescued(chain: Chain | None, state: State, event: AttemptFailed, failed: Failed) -> str:
    said, ask = event.said, state.invocation.ask
    if chain is None or chain.mid_stream == "fail":
        return "`mid_stream` is `fail`"
    if not triggers(failed, chain):
        return f"the chain does not list `{failed.outcome}`"
    if ask.choices > 1:
        return "several choices were asked for"
    if said is None:
        return f"more than {RESCUED_BYTES_MAX} bytes of it were delivered"
    if said.tool_calls:
        return "a part of a tool call was delivered"
    if said.refusal or (event.seen is not None and event.seen.audible):
        return "what was delivered is no text"
    if not said.text and state.broken is None:
        return ""
    if chain.mid_stream == "restart":
        return "`mid_stream` is `restart`, and a part of it was delivered"
    return "its schema binds it as a whole" if ask.wants_json_schema else ""


def way(snapshot: Snapshot, name: str) -> Continues:
    """How a model goes on with an answer that another one began."""
    model = resolve(snapshot, name)
    return (model.continues or "instruct") if model is not None else "never"


def downgrade_left(snapshot: Snapshot, state: State) -> Downgrade | None:
    """The model beside the plan that a budget leads to and that may be asked next; if an answer broke off, one that can go on with it."""
    found = next_downgrade(state)
    if found is not None and state.broken is not None and state.broken.text and way(snapshot, found.model) == "never":
        return None
    return found


def prefix_for(snapshot: Snapshot, state: State) -> Prefix | None:
    """How the candidate under way goes on with what was delivered; None where it gives an answer of its own."""
    broken = state.broken
    if broken is None:
        return None
    return Prefix(way(snapshot, candidate_of(state).model) if broken.text else "never", broken.text)


def rescued_by(snapshot: Snapshot, state: State) -> str:
    """How the candidate under way went on with whose answer, as its headers say it: `from=gpt-4o;by=prefill`."""
    prefix = prefix_for(snapshot, state)
    return f"from={state.broken_model};by={prefix.method if prefix is not None and prefix.text else RESTART}"


def break_off(state: State, event: AnyEvent, noted: list[facts.AnyFact], why: str) -> list[AnyCommand]:
    """Part of the answer is out and cannot be taken back: it ends with the error event, never as if it were whole."""
    model = state.broken_model or candidate_of(state).model
    # How it broke, not how those failed who were to go on with it: they stand among the attempts.
    broke = next(one for one in reversed(state.tried) if one.model == model)
    words = broke.message or "the provider closed the stream"
    fault = Fault(
        "all_providers_failed",
        f"The answer of {model} broke off ({broke.trigger}): {words.rstrip('.')}.",
        f"What came so far is not whole, and nothing went on with it: {why}. See `orchvynt explain {state.invocation.id}`.",
        detail={
            "attempts": [{"model": one.model, "trigger": one.trigger, "upstream_status": one.upstream_status} for one in state.tried],
            "skipped": [{"model": one.model, "why": one.why} for one in state.skipped],
        },
    )
    state.phase = "done"
    state.verdict = fault
    broken = facts.StreamEnded(state.invocation.id, event.at, False, fault.code, state.delivered_bytes)
    return [Record((*noted, broken, *finished(state, event, "failed"))), BreakStream(fault), Close()]
