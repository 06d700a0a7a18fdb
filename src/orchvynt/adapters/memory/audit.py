"""The audit's part of the memory store: the same chain over lists. Its anchor is a value beside them."""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from orchvynt.adapters.auditing import DELIVER, AuditedFact, review_notes, states_due, without_states
from orchvynt.adapters.journal.frames import decode_record, encode_facts
from orchvynt.adapters.memory.receipts import MemoryReceipts
from orchvynt.decisions.audit.chain import Checker, Verified, forget_digest, head_of, link
from orchvynt.decisions.audit.entries import SALT_BYTES, AuditRow, Head, Kept, Words
from orchvynt.lifecycle.forgetting import forget_facts, persons_in
from orchvynt.model.facts import AnyFact, GateJudged
from orchvynt.model.repeats import AnswerKept
from orchvynt.ports.audit import EvidenceRow, Forgotten, HoldRow, StateDue
from orchvynt.ports.store import ReviewRow, StoreUnavailableError


class MemoryAudit:
    """Implements ports.audit.AuditStore."""

    _closed: bool
    _records: dict[str, list[bytes]]
    _reviews: dict[str, ReviewRow]
    _kept: dict[str, AnswerKept]
    _receipts: MemoryReceipts
    _forget_in_outbox: Callable[[Sequence[str], Iterable[str]], None]

    def __init__(self) -> None:
        super().__init__()
        self._entries: list[Kept] = []
        self._anchored = Head()
        self._matches: dict[tuple[str, int, str], None] = {}
        self._due: dict[str, StateDue] = {}
        self._holds_kept: dict[str, HoldRow] = {}
        self._evidence: dict[str, EvidenceRow] = {}

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailableError("the store is closed.")

    def _append(self, rows: Iterable[AuditRow]) -> None:
        for row in rows:
            self._entries.append(link(self._anchored, row, lambda: secrets.token_bytes(SALT_BYTES)))
            self._anchored = head_of(self._entries[-1])

    def _file_audit(self, known: Mapping[str, ReviewRow], facts: Sequence[AuditedFact], matches: Sequence[GateJudged]) -> None:
        """What a batch adds. `known` are the reviews as they were before it."""
        self._append(review_notes(known, facts, lambda review: any((one.subject, one.what) == (review, DELIVER) for one in self._entries)))
        self._due |= {one.review: one for one in states_due(facts)}
        self._matches |= dict.fromkeys((fact.gate, fact.at, fact.inv) for fact in matches)

    async def audit(self, row: AuditRow) -> Kept:
        self._check_open()
        self._append([row])
        return self._entries[-1]

    async def audits(self, limit: int, before: int = 0, subject: str = "", who: str = "", what: str = "") -> list[Kept]:
        self._check_open()
        found = (
            one
            for one in reversed(self._entries)
            if (not before or one.number < before)
            and (not subject or one.subject == subject)
            and (not who or one.who == who)
            and one.what.startswith(what)
        )
        return [one for _, one in zip(range(limit), found, strict=False)]

    async def audit_chain(self, after: int, limit: int) -> list[Kept]:
        self._check_open()
        return self._entries[after : after + limit]

    async def audit_head(self) -> Head:
        self._check_open()
        return self._anchored

    async def verify_audit(self, head: str = "") -> Verified:
        self._check_open()
        checker = Checker([("the anchored head", self._anchored)], head)
        for kept in self._entries:
            checker.add(kept)
        return checker.finish(self._anchored)

    async def matched(self, gate: str, begin: int, end: int) -> list[str]:
        self._check_open()
        return list(dict.fromkeys(inv for name, at, inv in sorted(self._matches) if name == gate and begin <= at < end))

    async def records(self, after: str, limit: int) -> list[tuple[str, list[AnyFact]]]:
        self._check_open()
        return [(inv, self._facts(inv)) for inv in sorted(self._records) if inv > after][:limit]

    async def states_due(self, now: int, limit: int) -> list[StateDue]:
        self._check_open()
        return sorted((one for one in self._due.values() if one.due_at <= now), key=lambda one: (one.due_at, one.review))[:limit]

    async def drop_states(self, due: Sequence[StateDue]) -> None:
        self._check_open()
        reviews = frozenset(one.review for one in due)
        for one in due:
            self._records[one.inv] = [encode_facts(without_states(self._facts(one.inv), reviews))]
            self._due.pop(one.review, None)

    async def postpone_states(self, due: Sequence[StateDue], until: int) -> None:
        self._check_open()
        self._due |= {one.review: msgspec.structs.replace(one, due_at=until) for one in due}

    async def holds(self) -> list[HoldRow]:
        self._check_open()
        return sorted(self._holds_kept.values(), key=lambda row: (row.at, row.hold))

    async def put_hold(self, row: HoldRow) -> None:
        self._check_open()
        self._holds_kept[row.hold] = row

    async def evidence(self, review: str) -> EvidenceRow | None:
        self._check_open()
        return self._evidence.get(review)

    async def keep_evidence(self, row: EvidenceRow) -> None:
        self._check_open()
        self._evidence.setdefault(row.review, row)

    async def expired_evidence(self, now: int, limit: int, after: str = "") -> list[EvidenceRow]:
        self._check_open()
        found = (self._evidence[review] for review in sorted(self._evidence) if review > after)
        return [row for row in found if row.until <= now][:limit]

    async def drop_evidence(self, reviews: Sequence[str]) -> None:
        self._check_open()
        for review in reviews:
            self._evidence.pop(review, None)

    async def forget(self, invs: Sequence[str], row: AuditRow) -> Forgotten:
        self._check_open()
        gone = set(invs)
        reviews = [review for review, known in self._reviews.items() if known.inv in gone]
        names = {name for inv in invs for name in persons_in(self._facts(inv))}
        self._forget_in_outbox(reviews, names)
        taken = {one.number for one in self._entries if one.subject in reviews and one.words.salts not in ("{}", "")}
        teller = self._anchored.number + 1
        self._entries = [
            msgspec.structs.replace(one, words=Words(forgotten_by=teller)) if one.number in taken else one for one in self._entries
        ]
        for inv in invs:
            self._records[inv] = [encode_facts(forget_facts(self._facts(inv)))]
        for review in reviews:
            self._reviews[review] = msgspec.structs.replace(
                self._reviews[review], reason="", requester="", votes=(), wanted=None, join_key=""
            )
            self._due.pop(review, None)
        answers = [scope for scope, answer in self._kept.items() if answer.inv in gone]
        evidence = [review for review, sealed in self._evidence.items() if sealed.inv in gone]
        for scope in answers:
            del self._kept[scope]
        for review in evidence:
            del self._evidence[review]
        self._receipts.forget_claims(gone)
        took = Forgotten(len(invs), len(reviews), len(answers), len(evidence), len(taken))
        said = {**row.details, **msgspec.structs.asdict(took), "entries_digest": forget_digest(taken)}
        self._append([msgspec.structs.replace(row, details=said)])
        return took

    async def leave_no_traces(self) -> None:
        self._check_open()

    def _facts(self, inv: str) -> list[AnyFact]:
        return [fact for body in self._records.get(inv, ()) for fact in decode_record(body)]
