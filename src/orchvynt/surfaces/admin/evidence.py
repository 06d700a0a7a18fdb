"""Gathers all that is known of one review for its evidence pack: record, content, entries of the audit and what they prove."""

from collections.abc import Mapping, Sequence
from typing import Final

from orchvynt.decisions.audit.entries import Kept, digest
from orchvynt.lifecycle.explain import explain
from orchvynt.lifecycle.explain.phrases import instant_text
from orchvynt.lifecycle.reviewed import contents_of
from orchvynt.model.facts import AnyFact, GateJudged, InvocationReceived
from orchvynt.model.faults import Fault
from orchvynt.surfaces.admin.asking import Asking, Desk, Text
from orchvynt.surfaces.admin.audit import entry_view, head_view, verified_view
from orchvynt.surfaces.admin.evidence_page import Content, Pack, render
from orchvynt.surfaces.admin.notes import note

ENTRIES_MAX: Final = 2_000


async def pack(desk: Desk, asking: Asking) -> Text | Fault:
    """Reading content is itself noted, before it is given."""
    review = asking.path["review"]
    await desk.store.settled()
    row = await desk.store.review(review)
    if row is None:
        return Fault("not_found", "There is no such review.", "`orchvynt reviews list --all` shows them.", param="review")
    await note(desk, asking.who, "audit.evidence", "", review)
    facts = await desk.store.facts(row.inv)
    entries = (await desk.store.audits(ENTRIES_MAX, subject=review))[::-1]
    found = await desk.store.verify_audit()
    contents, why_not = await _contents(desk, review)
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
        )
    )
    return Text(page.encode())


async def _contents(desk: Desk, review: str) -> tuple[Mapping[str, bytes], str]:
    """What was reviewed, as far as it is kept, and why it is not."""
    state = await desk.store.review_state(review)
    if state is not None and (found := contents_of(state)):
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
    """Each content with the newest entry that has its hash, if one has."""
    found: list[Content] = []
    for name, content in contents.items():
        number, salt, said = 0, "", ""
        for kept in entries:
            view = entry_view(kept)
            if name in view.salts and digest(bytes.fromhex(view.salts[name]), content) == view.digests.get(name):
                number, salt, said = view.number, view.salts[name], view.digests[name]
        found.append(Content(name, content.decode("utf-8", "replace"), number, salt, said))
    return tuple(found)
