"""Gathers all that is known of one review for its evidence pack: record, content, entries of the audit and what they prove."""

from collections.abc import Mapping, Sequence
from typing import Final

from orchvynt.decisions.audit.entries import Kept, digest
from orchvynt.language.passages import passages
from orchvynt.lifecycle.explain import explain
from orchvynt.lifecycle.explain.phrases import instant_text
from orchvynt.lifecycle.reviewed import ANSWER, DECIDED_ANSWER, FINAL_ANSWER, reviewed
from orchvynt.model.facts import AnyFact, GateJudged, InvocationReceived
from orchvynt.model.faults import Fault
from orchvynt.ports.store import ReviewRow
from orchvynt.surfaces.admin.asking import Asking, Desk, Text
from orchvynt.surfaces.admin.audit import entry_view, head_view, verified_view
from orchvynt.surfaces.admin.evidence_page import Content, Pack, render
from orchvynt.surfaces.admin.notes import note

ENTRIES_MAX: Final = 2_000


async def pack(desk: Desk, asking: Asking) -> Text | Fault:
    """Reading content is itself noted, before it is given."""
    review = asking.path["review"]
    await desk.store.caught_up()
    row = await desk.store.review(review)
    if row is None:
        return Fault("not_found", "There is no such review.", "`orchvynt reviews list --all` shows them.", param="review")
    await note(desk, asking.who, "audit.evidence", "", review)
    facts = await desk.store.facts(row.inv)
    entries = (await desk.store.audits(ENTRIES_MAX, subject=review))[::-1]
    found = await desk.store.verify_audit()
    contents, why_not = await _contents(desk, review, facts)
    received = next((fact for fact in facts if isinstance(fact, InvocationReceived)), None)
    page = render(
        Pack(
            row,
            explain(facts),
            received,
            _reads(facts, row.gate),
            _held_against(contents, entries),
            why_not,
            tuple(map(entry_view, entries)),
            verified_view(found),
            head_view(found.head),
            instant_text(desk.clock.now()),
            asking.who,
            await _policy_text(desk, row, received.policy_version if received is not None else 0),
        )
    )
    return Text(page.encode())


async def _policy_text(desk: Desk, row: ReviewRow, pinned: int) -> str:
    """Of the version that the invocation is pinned to; of the one in force when it was opened, where only that has the gate."""
    later = [one.version for one in await desk.store.policies() if one.applied_at <= row.opened_at]
    for version in (pinned, *later[:1]):
        policy = await desk.store.policy(version)
        if policy is not None and (text := passages(policy.yaml, row.gate, row.reviewers)):
            return text
    return ""


async def _contents(desk: Desk, review: str, facts: Sequence[AnyFact]) -> tuple[Mapping[str, bytes], str]:
    """What was reviewed, as far as it is kept, and why it is not."""
    if found := reviewed(facts, review):
        return found, ""
    sealed = await desk.store.evidence(review)
    if sealed is None:
        return {}, "The content is not kept. Its salted hash stands in the audit: whoever has the content can hold it against that."
    opened = desk.unseal(sealed)
    return ({}, opened) if isinstance(opened, str) else (opened, "")


def _reads(facts: Sequence[AnyFact], gate: str) -> Mapping[str, object]:
    judged = [fact for fact in facts if isinstance(fact, GateJudged) and fact.gate == gate and fact.verdict != "passed"]
    return judged[-1].reads if judged else {}


def _held_against(contents: Mapping[str, bytes], entries: Sequence[Kept]) -> tuple[Content, ...]:
    """Each content with the newest entry that has its hash, if one has. What a decision made of an answer stands there as an answer."""
    found: list[Content] = []
    for name, content in contents.items():
        hashed = ANSWER if name in (DECIDED_ANSWER, FINAL_ANSWER) else name
        number, salt, said = 0, "", ""
        for kept in entries:
            view = entry_view(kept)
            if hashed in view.salts and digest(bytes.fromhex(view.salts[hashed]), content) == view.digests.get(hashed):
                number, salt, said = view.number, view.salts[hashed], view.digests[hashed]
        found.append(Content(name, content.decode("utf-8", "replace"), number, salt, said, reviewed=name != FINAL_ANSWER))
    return tuple(found)
