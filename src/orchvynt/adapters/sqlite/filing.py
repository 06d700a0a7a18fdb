"""Writes one batch of frames and its projections into the database, within the caller's transaction. It commits nothing."""

from collections.abc import Sequence
from time import sleep
from typing import Any, Final

import msgspec

from orchvynt.adapters.journal.positions import Frame, Position
from orchvynt.adapters.projection import Batch
from orchvynt.adapters.receipts import bounded, said_values
from orchvynt.adapters.reviews import fold_reviews
from orchvynt.adapters.spending import book_renamed, renamed_now
from orchvynt.adapters.sql import Connection
from orchvynt.adapters.sqlite.auditing import AuditChain, file_audit, file_matches
from orchvynt.adapters.sqlite.departures import file_departures
from orchvynt.adapters.sqlite.leases import carry_leases, file_leases
from orchvynt.adapters.sqlite.news import file_news
from orchvynt.adapters.sqlite.queries import QUERIES, Value, run_rows
from orchvynt.adapters.sqlite.receipts import file_receipts
from orchvynt.adapters.sqlite.registering import Process
from orchvynt.adapters.sqlite.review_changes import file_review_changes
from orchvynt.model.facts import Vote, Wanted
from orchvynt.model.repeats import AnswerKept
from orchvynt.ports.carried import Carried
from orchvynt.ports.store import ReviewRow

BUCKET_BITS: Final = 10
# Invocations, which share the interpreter's lock, wait for a millisecond then, and not for the 5 that it may be held.
_FRAMES_AT_ONCE: Final = 250
_BREATH_S: Final = 20e-6
_NOTHING_SAID: Final = ("",) * 5

_encode: Final = msgspec.json.Encoder().encode
_decode_reviewers: Final = msgspec.json.Decoder(tuple[str, ...]).decode
_decode_wanted: Final = msgspec.json.Decoder(Wanted).decode
_decode_votes: Final = msgspec.json.Decoder(tuple[Vote, ...]).decode
_decode_reminds: Final = msgspec.json.Decoder(tuple[int, ...]).decode
_decode_headers: Final = msgspec.json.Decoder(tuple[tuple[str, str], ...]).decode


def review_values(row: ReviewRow) -> list[Value]:
    return [
        row.review, row.inv, row.gate, row.status, row.opened_at, row.decided_at, row.by, row.reason, _encode(row.reviewers).decode(),
        int(row.require_reason), row.key_id, row.join_key, row.escalates_at, row.escalation,
        _encode(row.wanted).decode() if row.wanted is not None else "", row.granted, row.stage, row.quorum, int(row.not_requester),
        row.requester, _encode(row.votes).decode() if row.votes else "", row.claimed_by, row.claimed_until, int(row.after_delivery),
        row.escalations, row.decision, _encode(row.reminds).decode() if row.reminds else "", row.reminded,
    ]  # fmt: skip


def review_row(values: tuple[Any, ...]) -> ReviewRow:
    """A row of the table, its columns in order. 100,000 of them may be read at a start, so nothing is checked twice."""
    return ReviewRow(
        *(
            *values[:8],
            _decode_reviewers(values[8]),
            bool(values[9]),
            *values[10:14],
            _decode_wanted(values[14]) if values[14] else None,
            *values[15:18],
            bool(values[18]),
            values[19],
            _decode_votes(values[20]) if values[20] else (),
            *values[21:23],
            bool(values[23]),
            *values[24:26],
            _decode_reminds(values[26]) if values[26] else (),
            values[27],
        )
    )


def kept_row(values: tuple[Any, ...]) -> AnswerKept:
    """A row of the table, its columns in order."""
    scope, request, inv, at, until, status, content_type, headers, streamed, body = values
    return AnswerKept(inv, at, scope, request, until, status, content_type, _decode_headers(headers), body, bool(streamed))


def batch_of(frames: Sequence[Frame], next_seq: int) -> Batch:
    batch = Batch(next_seq)
    for number, frame in enumerate(frames, 1):
        batch.add(frame.facts, frame.payload)
        if not number % _FRAMES_AT_ONCE:
            sleep(_BREATH_S)
    return batch


def number_from(batch: Batch, guessed: int, first: int) -> None:
    """Gives its records the numbers that are free: another process may have taken those that were guessed."""
    further = first - guessed
    if further:
        batch.next_seq += further
        for record in batch.records.values():
            record.seq += further
        batch.references = [(reference, seq + further) for reference, seq in batch.references]


def file_batch(connection: Connection, batch: Batch, position: Position, chain: AuditChain, process: Process) -> None:
    """Files what a batch of frames of a process changes, its entries of the audit, and the position behind it."""
    _file_records(connection, batch, process.number)
    if batch.spend:
        file_leases(connection, batch, process)
    _file_money(connection, batch, process.number)
    file_receipts(connection, batch)
    if batch.audited:
        _file_reviews(connection, batch, chain)
    if batch.matches:
        file_matches(connection, batch)
    if batch.reviews:
        file_news(connection, batch.reviews)
    if batch.departures:
        file_departures(connection, batch.departures, process.id)
    if batch.feedback:
        scores: list[Value] = []
        for fact in batch.feedback:
            scores += (fact.inv, fact.at, fact.provider, fact.model, fact.workload, fact.score)
        run_rows(connection, "add_feedback", 6, scores)
    if batch.grants:
        values: list[Value] = []
        for given in batch.grants:
            values += (
                given.grant, given.inv, given.at, given.budget, given.subject, given.window, given.rolls_ns, given.until, given.nanos,
                given.tokens, given.by, given.reason, given.review,
            )  # fmt: skip
        run_rows(connection, "add_grants", 13, values)
    if batch.kept:
        _file_kept(connection, batch.kept)
    if batch.reviews or batch.departures:
        file_review_changes(connection, batch, process.id)
    connection.execute(QUERIES["set_filed"], (*position, batch.last_finished, process.id))


def _file_records(connection: Connection, batch: Batch, process: int) -> None:
    records = batch.records.values()
    frames: list[Value] = []
    for record in records:
        bodies = record.bodies
        frames += (record.seq, record.inv, bodies[0] if len(bodies) == 1 else b"\n".join(bodies))
    run_rows(connection, "add_frames", 3, frames)
    rows: list[Value] = []
    for record in records:
        if record.touched:
            rows += record.values()
            rows += said_values(record.received) if record.received is not None else _NOTHING_SAID
            rows.append(process)
    run_rows(connection, "upsert_invocations", 21, rows)
    lookups: list[Value] = []
    for reference, seq in batch.references:
        lookups += (seq >> BUCKET_BITS, reference, seq)
    run_rows(connection, "add_lookups", 3, lookups)


def _file_money(connection: Connection, batch: Batch, process: int) -> None:
    spend: list[Value] = []
    # In one order for all: processes that file at the same time would wait for each other's rows.
    for (budget, subject, window, rolls_ns, ends_at), (nanos, tokens, output_tokens, *rest) in sorted(batch.spend.items()):
        spend += (budget, subject, window, rolls_ns, bounded(nanos), bounded(tokens), bounded(output_tokens), *rest, ends_at)
    holds: list[Value] = []
    for attempt, (placed, sent_at) in batch.holds.items():
        holds += (attempt, _encode(placed), sent_at, process)
    run_rows(connection, "add_spend", 10, spend)
    run_rows(connection, "release_holds", 1, list(batch.released))
    run_rows(connection, "add_holds", 4, holds)
    connection.executemany(QUERIES["set_sent"], [(at, attempt) for attempt, at in batch.sent.items()])


def carry(connection: Connection, carried: Carried) -> None:
    """A policy came into force: what is settled under an old name moves to the new one, and the old name is remembered."""
    for (book,) in connection.execute(QUERIES["spend_books"]).fetchall() if carried.renamed else ():
        now = book_renamed(book, carried)
        if now != book:
            rows = connection.execute(QUERIES["spend_of"], (book,)).fetchall()
            run_rows(connection, "add_spend", 10, [value for _, *rest in rows for value in (now, *rest)])
            connection.execute(QUERIES["remove_spend_of"], (book,))
    known = dict(connection.execute(QUERIES["renamed"]).fetchall())
    found = renamed_now(known, carried)
    if found != known:
        connection.execute(QUERIES["forget_renamed"])
        connection.executemany(QUERIES["add_renamed"], found.items())
    if carried.renamed:
        carry_leases(connection, carried)


def _file_kept(connection: Connection, answers: Sequence[AnswerKept]) -> None:
    for one in answers:
        values: list[Value] = [
            one.scope, one.request, one.inv, one.at, one.until, one.status, one.content_type, _encode(one.headers).decode(),
            int(one.streamed), one.body,
        ]  # fmt: skip
        run_rows(connection, "keep_answer", 10, values)


def _file_reviews(connection: Connection, batch: Batch, chain: AuditChain) -> None:
    facts = batch.reviews
    known = {}
    for review in {fact.review for fact in facts}:
        values = connection.execute(QUERIES["review"], (review,)).fetchone()
        if values is not None:
            known[review] = review_row(values)
    file_audit(connection, chain, known, batch.audited)
    changed: list[Value] = []
    for row in fold_reviews(known, facts).values():
        changed += review_values(row)
    run_rows(connection, "put_review", 28, changed)
    connection.executemany(QUERIES["mark_parked"], [(inv,) for inv in {fact.inv for fact in facts}])
