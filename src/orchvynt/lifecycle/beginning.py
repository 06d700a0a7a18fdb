"""The first facts of a record: what came, and where it was routed."""

from orchvynt.decisions.fallback.chains import ChainChoice
from orchvynt.decisions.routing.planned import Plan
from orchvynt.language.scope import RequestValues, recorded
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle.events import JudgedAgain, Received
from orchvynt.lifecycle.state import State
from orchvynt.model import facts


def received(snapshot: Snapshot, state: State) -> facts.InvocationReceived:
    """What came, by whom, under which policy."""
    invocation = state.invocation
    ask = invocation.ask
    return facts.InvocationReceived(
        invocation.id,
        invocation.at,
        invocation.endpoint,
        invocation.dialect,
        invocation.key_id,
        ask.requested_model,
        ask.stream,
        invocation.claims,
        snapshot.version,
        snapshot.digest,
        len(ask.body),
        invocation.request_id,
        invocation.trace_id,
        invocation.claims_overruled,
        invocation.key,
        snapshot.commit,
        invocation.idempotency is not None,
        invocation.depth,
    )


def where_to(state: State, event: Received | JudgedAgain, routed: Plan, choice: ChainChoice, values: RequestValues) -> facts.Routed:
    """The plan, and what the rules read."""
    return facts.Routed(
        state.invocation.id,
        event.at,
        routed.rule,
        routed.candidates,
        routed.rejected,
        routed.chain,
        routed.rules,
        recorded(values),
        routed.passed_over,
        routed.figures,
        choice.failures,
    )
