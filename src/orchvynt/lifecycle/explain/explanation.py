"""Puts verdict, timeline and totals together."""

from collections.abc import Sequence

from orchvynt.lifecycle.explain.phrases import instant_text, milliseconds
from orchvynt.lifecycle.explain.shapes import Explanation, Totals
from orchvynt.lifecycle.explain.story import Story, read
from orchvynt.lifecycle.explain.timeline import entry
from orchvynt.lifecycle.explain.verdict import outcome_of, verdict_of
from orchvynt.model.facts import AnyFact
from orchvynt.model.invocation import Claims
from orchvynt.model.money import usd_text


def explain(facts: Sequence[AnyFact]) -> Explanation:
    """Explains one record: `facts` in the order in which they were written. Any part of a record will do, an empty one too."""
    story = read(facts)
    totals = _totals(facts, story)
    received, routed, finished = story.received, story.routed, story.finished
    answering = story.answering
    claims = received.claims if received else Claims()
    started_at = facts[0].at if facts else 0
    return Explanation(
        invocation=facts[0].inv if facts else "",
        verdict=verdict_of(story, totals.settled_nanos, totals.estimated),
        outcome=outcome_of(story),
        at=instant_text(started_at),
        endpoint=received.endpoint if received else "",
        asked=story.asked,
        model=(finished.model if finished else "") or (answering.model if answering else ""),
        provider=(finished.provider if finished else "") or (answering.provider if answering else ""),
        tier=(finished.tier if finished else 0) or (answering.tier if answering else 0),
        rule=routed.rule if routed else "",
        chain=routed.chain if routed else "",
        workflow=claims.workflow,
        agent=claims.agent,
        run=claims.run,
        key_id=received.key_id if received else "",
        key=received.key if received else "",
        policy_version=received.policy_version if received else 0,
        policy_digest=received.policy_digest if received else "",
        policy_commit=received.policy_commit if received else "",
        timeline=tuple(entry(fact, story, started_at) for fact in facts),
        totals=totals,
    )


def _totals(facts: Sequence[AnyFact], story: Story) -> Totals:
    receipts = [attempt.receipt for attempt in story.attempts.values() if attempt.receipt is not None]
    settled = sum(receipt.nanos for receipt in receipts)
    if not receipts and story.finished is not None:
        settled = story.finished.nanos
    held = sum(attempt.open_hold.nanos_bound for attempt in story.attempts.values() if attempt.open_hold is not None)
    lasted = facts[-1].at - facts[0].at if facts else 0
    if story.finished is not None and story.finished.duration_ns:
        lasted = story.finished.duration_ns
    return Totals(
        attempts=len(story.sent),
        tiers=len({attempt.tier for attempt in story.sent}),
        input_tokens=sum(receipt.usage.input_tokens for receipt in receipts),
        output_tokens=sum(receipt.usage.output_tokens for receipt in receipts),
        settled_nanos=settled,
        settled_usd=usd_text(settled),
        held_nanos=held,
        held_usd=usd_text(held),
        estimated=any(receipt.usage.estimated for receipt in receipts),
        duration_ms=milliseconds(lasted),
    )
