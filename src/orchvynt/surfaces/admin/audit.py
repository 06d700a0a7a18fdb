"""The audit over the admin API: read page by page, checked, exported, counted; legal holds, and forgetting."""

from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from orchvynt.decisions.audit.chain import Verified
from orchvynt.decisions.audit.coverage import Counts, Coverage
from orchvynt.decisions.audit.entries import Head, Kept
from orchvynt.lifecycle.explain.phrases import instant_text, milliseconds
from orchvynt.model.faults import Fault
from orchvynt.ports.audit import HoldRow
from orchvynt.runtime.keeping import IDS_MAX, Keeping
from orchvynt.surfaces.admin.asking import Asking, Desk
from orchvynt.surfaces.audit_shapes import (
    AuditEntry,
    CountsView,
    CoverageView,
    ForgetBody,
    ForgetView,
    HeadView,
    HoldBody,
    HoldView,
    ReleaseBody,
    ReviewerView,
    VerifiedView,
)
from orchvynt.surfaces.operator_shapes import Listing

MESSAGE_CHARS_MAX: Final = 2_000
HASH_CHARS: Final = 64
YEARS: Final = range(2000, 2200)


async def listed(desk: Desk, asking: Asking) -> Listing[AuditEntry] | Fault:
    """Newest first. A cursor is the number of the last entry that was given."""
    before = _number(asking.after)
    if isinstance(before, Fault):
        return before
    asked = asking.query
    await desk.store.caught_up()
    rows = await desk.store.audits(asking.limit + 1, before, asked.get("subject", ""), asked.get("who", ""), asked.get("what", ""))
    return _page(rows, asking.limit)


async def exported(desk: Desk, asking: Asking) -> Listing[AuditEntry] | Fault:
    """Oldest first, from the first entry on: what an offline check needs."""
    after = _number(asking.after)
    if isinstance(after, Fault):
        return after
    await desk.store.caught_up()
    return _page(await desk.store.audit_chain(after, asking.limit + 1), asking.limit)


async def head(desk: Desk, _asking: Asking) -> HeadView:
    await desk.store.caught_up()
    return head_view(await desk.store.audit_head())


async def verified(desk: Desk, asking: Asking) -> VerifiedView | Fault:
    """Of the store as it stands now. What is wrong is an answer, and no refusal."""
    wanted = asking.query.get("head", "")
    if wanted and (len(wanted) != HASH_CHARS or not set(wanted) <= set("0123456789abcdef")):
        help = "Give what `orchvynt audit head` printed earlier."
        return Fault("invalid_request", "A head is the hash of an entry: 64 digits and letters a to f.", help, param="head")
    await desk.store.caught_up()
    found = await desk.store.verify_audit()
    desk.checks.checked(found, desk.clock.now())
    return verified_view(await desk.store.verify_audit(wanted) if wanted else found)


async def coverage(desk: Desk, asking: Asking) -> CoverageView | Fault:
    gate = asking.query.get("gate", "")
    if not gate:
        return Fault("invalid_request", "Coverage is counted of one gate.", "Name it with `gate`.", param="gate")
    zone = desk.control.snapshot.timezone
    begin, end = (
        _instant(asking.query.get("from", ""), 0, zone, "from"),
        _instant(asking.query.get("to", ""), desk.clock.now() + 1, zone, "to"),
    )
    if isinstance(begin, Fault):
        return begin
    if isinstance(end, Fault):
        return end
    if begin >= end:
        return Fault("invalid_request", "`from` is not before `to`.", "Name an earlier day, or a later one.", param="from")
    counted = await _keeping(desk).coverage(gate, begin, end)
    known = any(one.name == gate for one in desk.control.snapshot.gates)
    if not known and not counted.held.matched and not counted.after_delivery.matched and not counted.observed:
        said = f"The policy has no gate {gate[:100]}, and no record of that time was matched by one of this name."
        return Fault("not_found", said, "`orchvynt policy pull` has the gates.", param="gate")
    return _coverage_view(counted, begin, end)


async def holds(desk: Desk, _asking: Asking) -> Listing[HoldView]:
    """All there ever were, oldest first; they are few."""
    return Listing(items=tuple(_hold_view(row) for row in await desk.store.holds()))


async def hold(desk: Desk, asking: Asking) -> HoldView | Fault:
    body = asking.body
    assert isinstance(body, HoldBody)
    if (fault := _message(body.message)) is not None:
        return fault
    done = await _keeping(desk).hold(body.where, asking.who, body.message)
    return done if isinstance(done, Fault) else _hold_view(done)


async def release(desk: Desk, asking: Asking) -> HoldView | Fault:
    body = asking.body
    assert isinstance(body, ReleaseBody)
    if (fault := _message(body.message)) is not None:
        return fault
    done = await _keeping(desk).release(asking.path["hold"], asking.who, body.message)
    return done if isinstance(done, Fault) else _hold_view(done)


async def forget(desk: Desk, asking: Asking) -> ForgetView | Fault:
    body = asking.body
    assert isinstance(body, ForgetBody)
    if (fault := _message(body.message)) is not None:
        return fault
    done = await _keeping(desk).forget(body.where, asking.who, body.message, body.yes)
    if isinstance(done, Fault):
        return done
    found, took = done.found, done.took
    view = ForgetView(took is not None, len(found.matched), found.matched[:IDS_MAX], found.open, found.unclear, found.held, found.hold)
    if took is None:
        return view
    return msgspec.structs.replace(view, reviews=took.reviews, answers=took.answers, evidence=took.evidence, entries=took.entries)


def entry_view(kept: Kept) -> AuditEntry:
    entry, words = kept.entry, kept.words
    return AuditEntry(
        number=entry.number,
        at=instant_text(entry.at),
        who=entry.who,
        what=entry.what,
        why=words.why,
        subject=entry.subject,
        at_ns=str(entry.at),
        details=_object(entry.details),
        digests=_object(entry.digests),
        salts=_object(words.salts),
        salted=entry.salted,
        previous=entry.previous,
        hash=entry.hash,
        forgotten_by=words.forgotten_by,
    )


def head_view(head: Head) -> HeadView:
    return HeadView(head.number, head.hash)


def verified_view(found: Verified) -> VerifiedView:
    return VerifiedView(
        ok=not found.bad_at,
        entries=found.entries,
        head=head_view(found.head),
        bad_at=found.bad_at,
        problem=found.problem,
        forgotten=found.forgotten,
        anchored=head_view(found.anchored) if found.anchored is not None else None,
    )


def _keeping(desk: Desk) -> Keeping:
    return Keeping(desk.store, desk.clock, desk.control.snapshot)


def _page(rows: list[Kept], limit: int) -> Listing[AuditEntry]:
    kept = rows[:limit]
    return Listing(items=tuple(map(entry_view, kept)), next=str(kept[-1].number) if len(rows) > limit else None)


def _object(text: str) -> dict[str, Any]:
    """What somebody broke is shown as it is; the check says where it is broken."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        return {"broken": text}


def _number(cursor: str) -> int | Fault:
    if not cursor:
        return 0
    if cursor.isascii() and cursor.isdigit() and len(cursor) < 18:
        return int(cursor)
    return Fault("invalid_request", "`after` is what `next` of the page before said.", "Begin without it.", param="after")


def _message(text: str) -> Fault | None:
    if text.strip() and len(text) <= MESSAGE_CHARS_MAX:
        return None
    return Fault(
        "invalid_request", f"`message` says why, in 1 to {MESSAGE_CHARS_MAX} characters.", "Name the ticket: -m T-1.", param="message"
    )


def _instant(text: str, otherwise: int, zone: str, name: str) -> int | Fault:
    """A day begins in the policy's timezone; an instant has an offset, or is of that timezone."""
    if not text:
        return otherwise
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.year not in YEARS:
        how = "A day such as 2026-11-03, or an instant such as 2026-11-03T09:00:00Z."
        return Fault("invalid_request", f"{text[:40]!r} is no time.", how, param=name)
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(zone))
    since = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


def _coverage_view(counted: Coverage, begin: int, end: int) -> CoverageView:
    times = [ReviewerView(one.by, one.votes, milliseconds(one.median_ns), milliseconds(one.max_ns)) for one in counted.reviewers]
    return CoverageView(
        gate=counted.gate,
        begins=instant_text(begin),
        ends=instant_text(end),
        held=_counts_view(counted.held),
        after_delivery=_counts_view(counted.after_delivery),
        observed=counted.observed,
        failed=counted.failed,
        delivered_without_decision=counted.undecided,
        reviewers=tuple(times),
    )


def _counts_view(counts: Counts) -> CountsView:
    return CountsView(**msgspec.structs.asdict(counts))


def _hold_view(row: HoldRow) -> HoldView:
    return HoldView(
        hold=row.hold,
        at=instant_text(row.at),
        by=row.by,
        ticket=row.ticket,
        where=row.where,
        released_at=instant_text(row.released_at),
        released_by=row.released_by,
        release_why=row.release_why,
    )
