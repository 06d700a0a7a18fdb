"""Reads the reviews that a start needs. 100,000 of them may be open: columns that most of them share are decoded once, and nothing is read
of those that nobody comes back for."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from orchvynt.adapters.sql import Connection
from orchvynt.adapters.sqlite.queries import QUERIES
from orchvynt.model.facts import Vote
from orchvynt.model.review_facts import CLAIM_FOR_NS
from orchvynt.ports.parked import ParkedRow, ParkedTerms

_decode_reviewers: Final = msgspec.json.Decoder(tuple[str, ...]).decode
_decode_votes: Final = msgspec.json.Decoder(tuple[Vote, ...]).decode
# The columns of ParkedTerms stand last.
_SHARED_FROM: Final = 21
_decode_reminds: Final = msgspec.json.Decoder(tuple[int, ...]).decode
_encode: Final = msgspec.json.Encoder().encode
_AT_START: Final = QUERIES["parked"].filled(which=QUERIES["parked_at_start"])
_OF: Final = QUERIES["parked"].filled(which=QUERIES["parked_of"])


def read_parked(connection: Connection, now: int, joinable_ns: int) -> list[ParkedRow]:
    """Those that are open, or that a caller may still come back for, in the order of their opening."""
    times = {"now": now, "joinable_ns": joinable_ns, "claim_for_ns": CLAIM_FOR_NS}
    return _read(connection.execute(_AT_START, times))


def read_parked_of(connection: Connection, invocations: Sequence[str]) -> list[ParkedRow]:
    """Those of these invocations, in the order of their opening."""
    asked = {"invocations": _encode(invocations).decode(), "claim_for_ns": CLAIM_FOR_NS}
    return _read(connection.execute(_OF, asked))


def _read(rows: Iterable[Any]) -> list[ParkedRow]:
    known: dict[tuple[object, ...], ParkedTerms] = {}
    # One object for each name, however many rows have it.
    names: dict[str, Any] = {}
    found: list[ParkedRow] = []
    for row in rows:
        (
            review, inv, gate, status, opened_at, decided_at, by, key_id, join_key, escalates_at, escalations, after_delivery, claimed_by,
            claimed_until, votes, reminds, reminded, claim_for_ns, left_at, waits_at, owner,
        ) = row[:_SHARED_FROM]  # fmt: skip
        raw = row[_SHARED_FROM:]
        terms = known.get(raw)
        if terms is None:
            reviewers, require_reason, quorum, not_requester, requester, stage = raw
            terms = ParkedTerms(_decode_reviewers(reviewers), bool(require_reason), quorum, bool(not_requester), requester, stage)
            known[raw] = terms
        one = ParkedRow(
            review, inv, names.setdefault(gate, gate), names.setdefault(status, status), opened_at, decided_at, by,
            names.setdefault(key_id, key_id), join_key, escalates_at, escalations, bool(after_delivery), claimed_by, claimed_until,
            _decode_votes(votes) if votes else (), _decode_reminds(reminds) if reminds else (), reminded, terms, claim_for_ns, left_at,
            names.setdefault(waits_at, waits_at), names.setdefault(owner, owner),
        )  # fmt: skip
        found.append(one)
    return found
