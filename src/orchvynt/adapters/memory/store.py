"""The store's port over dicts. It keeps facts in their encoded form, as the other stores do, and forgets everything with the process."""

import time
from collections.abc import Callable, Sequence

import msgspec

from orchvynt.adapters.memory.audit import MemoryAudit
from orchvynt.adapters.memory.changes import MemoryChanges
from orchvynt.adapters.memory.outbox import MemoryOutbox
from orchvynt.adapters.memory.peers import MemoryPeers
from orchvynt.adapters.memory.people import MemoryPeople
from orchvynt.adapters.memory.processes import MemoryProcesses
from orchvynt.adapters.memory.rates import MemoryRates
from orchvynt.adapters.memory.receipts import MemoryReceipts
from orchvynt.adapters.memory.spending import MemorySpending
from orchvynt.adapters.projection import (
    PARKED,
    REFERENCE_CHARS_MAX,
    Batch,
    feedback_row,
    merge_invocation,
)
from orchvynt.adapters.reviews import fold_reviews, newest_state
from orchvynt.model.facts import AnyFact, HoldPlaced
from orchvynt.model.ids import invocation_of
from orchvynt.model.repeats import AnswerKept
from orchvynt.ports.backlog import Backlog
from orchvynt.ports.carried import NOTHING_CARRIED, Carried
from orchvynt.ports.receipts import ReceiptRow, Spent
from orchvynt.ports.store import (
    FeedbackRow,
    InvocationRow,
    KeyRow,
    OpenHold,
    PolicyRow,
    TokenRow,
)

_FIND_MAX = 100


class MemoryStore(MemoryAudit, MemoryPeers, MemoryOutbox, MemoryChanges, MemoryPeople, MemoryProcesses, MemoryRates, MemorySpending):
    """Implements ports.store.Store. Its journal files each frame at once, so `settled()` has nothing to wait for."""

    def __init__(self, now: Callable[[], int] = time.time_ns) -> None:
        """`now` is its clock, which windows of leases are judged by."""
        super().__init__()
        self._now = now
        self._next_seq = 1
        self._records: dict[str, list[bytes]] = {}
        self._inv_of: dict[int, str] = {}
        self._references: dict[str, list[int]] = {}
        self._invocations: dict[str, InvocationRow] = {}
        self._holds: dict[str, tuple[HoldPlaced, int]] = {}
        self._receipts = MemoryReceipts()
        self._feedback: dict[str, FeedbackRow] = {}
        self._kept: dict[str, AnswerKept] = {}
        self._last_finished = ""
        self._tokens: dict[str, TokenRow] = {}
        self._keys: dict[str, KeyRow] = {}
        self._alerting: bytes | None = None

    def backlog(self) -> Backlog:
        """Nothing waits in front of it."""
        return Backlog((0, 0), (0, 0))

    def file(self, batch: Batch, process: str = "") -> None:
        """What the filer of a database does in a transaction. `batch` was begun with `next_seq`; `process` is whose it is, where several
        share the store."""
        self._next_seq = batch.next_seq
        for inv, record in batch.records.items():
            self._records.setdefault(inv, []).extend(record.bodies)
            self._inv_of[record.seq] = inv
            if record.touched:
                known = self._invocations.get(inv)
                self._invocations[inv] = record.row() if known is None else merge_invocation(known, record.row())
        for reference, seq in batch.references:
            self._references.setdefault(reference, []).append(seq)
        self._file_spend(batch, process)
        self._receipts.file(batch.receipts)
        self.file_departures(batch.departures, process or self.process)
        for attempt in batch.released:
            self._holds.pop(attempt, None)
        self._holds.update(batch.holds)
        for attempt, at in batch.sent.items():
            if attempt in self._holds:
                self._holds[attempt] = (self._holds[attempt][0], at)
        for fact in batch.feedback:
            self._feedback.setdefault(fact.inv, feedback_row(fact))
        for answer in batch.kept:
            self._kept[answer.scope] = answer
        self._file_audit(self._reviews, batch.audited, batch.matches)
        self._reviews = fold_reviews(self._reviews, batch.reviews) if batch.reviews else self._reviews
        self.file_news(batch.reviews)
        self.file_review_changes(batch, self.process)
        for inv in {fact.inv for fact in batch.reviews}:
            self._mark_parked(inv)
        self._last_finished = batch.last_finished or self._last_finished

    @property
    def next_seq(self) -> int:
        return self._next_seq

    def _mark_parked(self, inv: str) -> None:
        row = self._invocations[inv]
        if row.outcome in ("", PARKED):
            parked = any(review.inv == inv and review.status == "open" for review in self._reviews.values())
            self._invocations[inv] = msgspec.structs.replace(row, outcome=PARKED if parked else "")

    async def settled(self) -> None:
        self._check_open()

    async def facts(self, inv: str) -> list[AnyFact]:
        self._check_open()
        return self._facts(inv)

    async def find(self, reference: str) -> list[str]:
        self._check_open()
        if reference == "last":
            return [self._last_finished] if self._last_finished else []
        if (named_inv := invocation_of(reference)) in self._records:
            return [named_inv]
        named = {self._inv_of[seq] for seq in self._references.get(reference[:REFERENCE_CHARS_MAX], ())}
        return sorted(named, reverse=True)[:_FIND_MAX]

    async def run(self, run: str) -> list[str]:
        self._check_open()
        named = {self._inv_of[seq] for seq in self._references.get(run[:REFERENCE_CHARS_MAX], ())} | ({run} & set(self._records))
        return sorted(named, reverse=True)[:_FIND_MAX]

    async def invocations(self, limit: int, before: str) -> list[InvocationRow]:
        self._check_open()
        ids = sorted((inv for inv in self._invocations if not before or inv < before), reverse=True)
        return [self._invocations[inv] for inv in ids[:limit]]

    async def feedback(self, limit: int) -> list[FeedbackRow]:
        self._check_open()
        return list(self._feedback.values())[-limit:]

    async def receipts(self, begin: int, end: int, limit: int, after: tuple[int, str] = (0, "")) -> list[ReceiptRow]:
        self._check_open()
        return self._receipts.rows(begin, end, after)[:limit]

    async def spent(self, begin: int, end: int, by: Sequence[str], limit: int) -> Spent:
        self._check_open()
        return self._receipts.spent(begin, end, by, limit)

    async def open_holds(self, process: str = "") -> list[OpenHold]:  # noqa: ARG002 - there is no other
        self._check_open()
        return [OpenHold(placed.inv, attempt, placed, sent_at) for attempt, (placed, sent_at) in sorted(self._holds.items())]

    async def unfinished(self, process: str = "") -> list[str]:  # noqa: ARG002 - there is no other
        self._check_open()
        return sorted(inv for inv, row in self._invocations.items() if not row.outcome)

    async def review_state(self, review: str) -> bytes | None:
        row = await self.review(review)
        return None if row is None else newest_state(await self.facts(row.inv), review)

    async def kept_answer(self, scope: str) -> AnswerKept | None:
        self._check_open()
        return self._kept.get(scope)

    async def forget_answers(self, now: int) -> None:
        self._check_open()
        self._kept = {scope: answer for scope, answer in self._kept.items() if answer.until > now}

    async def policies(self) -> list[PolicyRow]:
        self._check_open()
        return [msgspec.structs.replace(row, yaml="") for row in self._policies[::-1]]

    async def policy(self, version: int) -> PolicyRow | None:
        self._check_open()
        return self._policies[version - 1] if 1 <= version <= len(self._policies) else None

    async def add_policy(
        self,
        yaml: str,
        digest: str,
        message: str,
        author: str,
        at: int,
        expected: int | None,
        commit: str,
        until: int = 0,
        carried: Carried = NOTHING_CARRIED,
    ) -> PolicyRow | None:
        self._check_open()
        current = len(self._policies)
        if expected is not None and expected != current:
            return None
        row = PolicyRow(current + 1, digest, yaml, message, author, at, commit, until)
        self._policies.append(row)
        self._carry(carried)
        return row

    async def tokens(self) -> list[TokenRow]:
        self._check_open()
        return [self._tokens[name] for name in sorted(self._tokens)]

    async def add_token(self, token: TokenRow) -> bool:
        self._check_open()
        return self._tokens.setdefault(token.name, token) is token

    async def remove_token(self, name: str) -> bool:
        self._check_open()
        return self._tokens.pop(name, None) is not None

    async def keys(self) -> list[KeyRow]:
        self._check_open()
        return sorted(self._keys.values(), key=lambda key: (key.name, key.created_at, key.id))

    async def add_key(self, key: KeyRow, others_expire_at: int = 0) -> bool:
        self._check_open()
        if key.id in self._keys:
            return False
        for other in list(self._keys.values()):
            if others_expire_at and other.name == key.name and not 0 < other.expires_at < others_expire_at:
                self._keys[other.id] = msgspec.structs.replace(other, expires_at=others_expire_at)
        self._keys[key.id] = key
        self._key_changes += 1
        return True

    async def remove_key(self, key_id: str) -> bool:
        self._check_open()
        self._key_changes += 1
        return self._keys.pop(key_id, None) is not None

    async def use_keys(self, used: Sequence[tuple[str, int]]) -> None:
        self._check_open()
        for key_id, at in used:
            if (known := self._keys.get(key_id)) is not None and known.used_at < at:
                self._keys[key_id] = msgspec.structs.replace(known, used_at=at)

    async def alerting(self) -> bytes | None:
        self._check_open()
        return self._alerting

    async def keep_alerting(self, memory: bytes) -> None:
        self._check_open()
        self._alerting = memory

    async def close(self) -> None:
        self._closed = True
