"""Reads records: lists of invocations, one explained, one run."""

from typing import Final

import msgspec

from orchvynt.lifecycle.explain import Explanation, explain
from orchvynt.lifecycle.explain.phrases import instant_text, milliseconds
from orchvynt.model.faults import Fault
from orchvynt.model.money import usd_text
from orchvynt.ports.store import InvocationRow
from orchvynt.surfaces.admin.asking import Asking, Desk
from orchvynt.surfaces.operator_shapes import InvocationView, Listing, RunView

FOUND_MAX: Final = 100


async def listed(desk: Desk, asking: Asking) -> Listing[InvocationView]:
    """Newest first. One more than asked is read, to know whether there is a next page."""
    await desk.store.caught_up()
    rows = await desk.store.invocations(asking.limit + 1, asking.after)
    kept = rows[: asking.limit]
    return Listing(items=tuple(_from_row(row) for row in kept), next=kept[-1].inv if len(rows) > asking.limit else None)


async def explained(desk: Desk, asking: Asking) -> Explanation | Fault:
    """The newest invocation that the reference names, explained; the further ones are listed in `others`."""
    reference = asking.path["reference"]
    await desk.store.caught_up()
    found = await desk.store.find(reference)
    facts = await desk.store.facts(found[0]) if found else []
    if not facts:
        if reference == "last":
            return Fault("not_found", "No invocation has finished yet.", "Send one to the data port, then ask again.", param="reference")
        return Fault(
            "not_found",
            "No invocation, attempt, review, run, request, trace or provider response is known by this reference.",
            "`orchvynt invocations` lists the newest ones; every answer carries its id in x-orchvynt-invocation.",
            param="reference",
        )
    return msgspec.structs.replace(explain(facts), others=tuple(found[1:]))


async def run(desk: Desk, asking: Asking) -> RunView | Fault:
    """One run from its first invocation to its last, at most 100 of them. A run that was inferred has the name of its first one."""
    name = asking.path["run"]
    await desk.store.caught_up()
    found = await desk.store.run(name)
    told = [explain(await desk.store.facts(invocation)) for invocation in reversed(found)]
    members = [explanation for explanation in told if name == (explanation.run or explanation.invocation)]
    if not any(member.run for member in members):
        return Fault(
            "not_found", "No run of this name is on record.", "A caller names its run with the header x-orchvynt-run.", param="run"
        )
    cost = sum(member.totals.settled_nanos for member in members)
    held = sum(member.totals.held_nanos for member in members)
    return RunView(
        run=name,
        workflow=members[-1].workflow,
        agents=tuple(dict.fromkeys(member.agent for member in members if member.agent)),
        invocations=len(members),
        cost_nanos=cost,
        cost_usd=usd_text(cost),
        input_tokens=sum(member.totals.input_tokens for member in members),
        output_tokens=sum(member.totals.output_tokens for member in members),
        items=tuple(_from_explanation(member) for member in members),
        truncated=len(found) >= FOUND_MAX,
        held_nanos=held,
        held_usd=usd_text(held),
        attempts=sum(member.totals.attempts for member in members),
        estimated=any(member.totals.estimated for member in members),
    )


def _from_row(row: InvocationRow) -> InvocationView:
    return InvocationView(
        invocation=row.inv,
        at=instant_text(row.at),
        endpoint=row.endpoint,
        workflow=row.workflow,
        agent=row.agent,
        run=row.run,
        asked=row.requested_model,
        model=row.model,
        provider=row.provider,
        rule=row.rule,
        tier=row.tier,
        outcome=row.outcome or "running",
        cost_nanos=row.nanos,
        cost_usd=usd_text(row.nanos),
        duration_ms=milliseconds(row.duration_ns),
    )


def _from_explanation(told: Explanation) -> InvocationView:
    return InvocationView(
        invocation=told.invocation,
        at=told.at,
        endpoint=told.endpoint,
        workflow=told.workflow,
        agent=told.agent,
        run=told.run,
        asked=told.asked,
        model=told.model,
        provider=told.provider,
        rule=told.rule,
        tier=told.tier,
        outcome=told.outcome,
        cost_nanos=told.totals.settled_nanos,
        cost_usd=told.totals.settled_usd,
        duration_ms=told.totals.duration_ms,
        verdict=told.verdict,
    )
