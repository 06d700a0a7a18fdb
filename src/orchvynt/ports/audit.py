"""What a store keeps of the audit: a chain of entries that only grows, its anchored head, legal holds and sealed evidence. Read as a part
of `ports.store`."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from orchvynt.decisions.audit.chain import Verified
from orchvynt.decisions.audit.entries import AuditRow, Head, Kept
from orchvynt.model.facts import AnyFact


class HoldRow(msgspec.Struct, frozen=True):
    """A legal hold: while it is not released, no record for which `where` holds is forgotten or expires."""

    hold: str
    at: int
    by: str
    ticket: str
    where: str
    released_at: int = 0
    released_by: str = ""
    release_why: str = ""


class EvidenceRow(msgspec.Struct, frozen=True):
    """The reviewed content of one review, sealed. `key_id` names the key; `until` is when it expires (ns UTC)."""

    review: str
    inv: str
    at: int
    until: int
    key_id: str
    nonce: bytes
    sealed: bytes


class StateDue(msgspec.Struct, frozen=True):
    """A decided review whose parked state nobody needs from `due_at` on (ns UTC)."""

    review: str
    inv: str
    due_at: int


class Forgotten(msgspec.Struct, frozen=True):
    """What a forgetting took, in counts."""

    invocations: int
    reviews: int = 0
    answers: int = 0
    evidence: int = 0
    entries: int = 0


class AuditStore(Protocol):
    async def audit(self, row: AuditRow) -> Kept:
        """Appends an entry, durably and with its anchor."""
        ...

    async def audits(self, limit: int, before: int = 0, subject: str = "", who: str = "", what: str = "") -> list[Kept]:
        """Newest first, with numbers below `before` (0: from the newest), those of this subject, of this person, and whose `what` begins
        so."""
        ...

    async def audit_chain(self, after: int, limit: int) -> list[Kept]:
        """Oldest first, behind the entry with this number."""
        ...

    async def audit_head(self) -> Head:
        """As it is anchored outside of the table."""
        ...

    async def verify_audit(self, head: str = "") -> Verified:
        """Checks the whole chain against its anchor, and that an entry has the hash `head`, where one is given."""
        ...

    async def matched(self, gate: str, begin: int, end: int) -> list[str]:
        """The invocations that a gate matched, or failed on, from `begin` to before `end` (ns UTC), each once, oldest first."""
        ...

    async def records(self, after: str, limit: int) -> list[tuple[str, list[AnyFact]]]:
        """Records in the order of their ids, at most `limit`, behind the one with this id (empty: from the oldest)."""
        ...

    async def states_due(self, now: int, limit: int) -> list[StateDue]:
        """Decided reviews whose state is due to be dropped at `now`, the longest due first."""
        ...

    async def drop_states(self, due: Sequence[StateDue]) -> None:
        """The states of these reviews leave their records; facts stay. What is dropped is gone from the file, not only from sight."""
        ...

    async def postpone_states(self, due: Sequence[StateDue], until: int) -> None:
        """They are due at `until` instead."""
        ...

    async def holds(self) -> list[HoldRow]:
        """All that there ever were, oldest first."""
        ...

    async def put_hold(self, row: HoldRow) -> None:
        """A new one, or one that is released."""
        ...

    async def evidence(self, review: str) -> EvidenceRow | None: ...

    async def keep_evidence(self, row: EvidenceRow) -> None:
        """The first of a review stands."""
        ...

    async def expired_evidence(self, now: int, limit: int, after: str = "") -> list[EvidenceRow]:
        """Those that have expired at `now`, by review, behind the one with this id."""
        ...

    async def drop_evidence(self, reviews: Sequence[str]) -> None: ...

    async def forget(self, invs: Sequence[str], row: AuditRow) -> Forgotten:
        """Takes from the records of these invocations, and from all that stands beside them, what names a person or was said: ids, money
        and counts stay. `row` is noted with the counts, in one transaction with it, and tells of the entries whose words are gone.
        Nothing of what is taken stays in the store's file or its journal."""
        ...

    async def leave_no_traces(self) -> None:
        """What was taken before, by a call that did not come to its end, is gone from the store's log and the journal as well."""
        ...
