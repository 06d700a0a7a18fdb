"""One review as the index of parked invocations has it: a line, not its state."""

from hashlib import sha256
from typing import Final

from msgspec.structs import replace

from orchvynt.decisions.reviews.cases import Case
from orchvynt.lifecycle.join_keys import KEYED, keyed
from orchvynt.model.facts import Vote
from orchvynt.model.review_facts import CLAIM_FOR_NS
from orchvynt.ports.store import ReviewStatus
from orchvynt.runtime.life import Life
from orchvynt.runtime.number_table import key_of

JOINABLE_NS: Final = 24 * 3_600 * 1_000_000_000
ANYBODY: Final = Case("")
DIGEST_BYTES: Final = 16


def digest(text: str) -> bytes:
    """What stands in memory for a join key, or a part of it: nobody finds two that are equal."""
    return sha256(text.encode()).digest()[:DIGEST_BYTES]


class ParkedOne:
    """`due` is the instant in ns UTC at which the next step of its escalation is due, 0 for never; `escalations` are done. `reminds` are
    the instants of the reminders still to come, `reminded` counts those that came. `status` is open until it is decided.
    `after_delivery`: the answer was delivered, and nobody joins or polls for this.

    `terms`, `votes` and the claim are what its case is made of: of 100,000 reviews nearly all share the first and have no other
    (bench/open_reviews.py).

    `joins` is the digest of its join key, and `place` the hash of what that has before the body; of one that came with an idempotency key
    `joins` is that of the key's scope, and `asks` of the request. `joins` is empty where nobody joins it.

    `left_at` is when its last caller was told to come back, or went away (ns UTC), None as long as none was; for `claim_for_ns` from then
    on the same request joins. `claims` counts those who came back. `decided_at` is 0 until it is decided. `under_way` while an invocation
    that an approval let go on has not come to its end.

    `moved` is by how much the wall clock jumped meanwhile, and all its instants with it.

    `elsewhere` is the process that decides about it, empty where that is this one. `waiting` are the callers who wait here all the same;
    `waits_at`: another
    process, at which one waits, or got its answer.
    """

    __slots__ = (
        "after_delivery", "asks", "at", "by", "claim_for_ns", "claimed_by", "claimed_until", "claims", "decided_at", "due", "elsewhere",
        "escalations", "gate", "inv", "joins", "key_id", "left_at", "life", "moved", "place", "reminded", "reminds", "review", "status",
        "terms", "under_way", "votes", "waiting", "waits_at",
    )  # fmt: skip

    def __init__(self, review: str, inv: str, gate: str, key_id: str, join_key: str, at: int, due: int, status: ReviewStatus) -> None:
        self.review = review
        self.inv = inv
        self.gate = gate
        self.key_id = key_id
        self.joins, self.place, self.asks = _found_by(join_key)
        self.at = at
        self.due = due
        self.status = status
        self.life: Life | None = None
        self.claim_for_ns = CLAIM_FOR_NS
        self.left_at: int | None = None
        self.claims = 0
        self.escalations = 0
        self.by = ""
        self.decided_at = 0
        self.under_way = False
        self.after_delivery = False
        self.terms = ANYBODY
        self.votes: tuple[Vote, ...] = ()
        self.claimed_by = ""
        self.claimed_until = 0
        self.reminds: tuple[int, ...] = ()
        self.reminded = 0
        self.moved = 0
        self.elsewhere = ""
        self.waiting = 0
        self.waits_at = ""

    @property
    def open(self) -> bool:
        return self.status == "open"

    @property
    def case(self) -> Case:
        """The case as it stands: what is decided about this review is decided on it."""
        return replace(
            self.terms,
            review=self.review,
            status=self.status,
            decided_by=self.by,
            votes=self.votes,
            claimed_by=self.claimed_by,
            claimed_until=self.claimed_until,
        )

    def move(self, by: int) -> None:
        """The wall clock jumped by so much (ns): what is left of each span stays as it is."""
        self.moved += by
        self.due += by if self.due else 0
        self.reminds = tuple([at + by for at in self.reminds])
        self.claimed_until += by if self.claimed_until else 0
        self.decided_at += by if self.decided_at else 0
        if self.left_at is not None:
            self.left_at += by

    def became(self, case: Case) -> None:
        """A vote, a claim or a release of it is in the journal."""
        self.votes, self.claimed_by, self.claimed_until = case.votes, case.claimed_by, case.claimed_until

    def kept(self, now: int) -> bool:
        """Whether a caller may still come back for it, by its name or as a retry: until it is decided, and 24 hours more; and as long as
        the same request joins."""
        return self.open or now < self.until

    def claimable(self, now: int) -> bool:
        """Whether the same request joins, although nothing says that it is a retry."""
        return self.left_at is not None and now - self.left_at < self.claim_for_ns

    @property
    def until(self) -> int:
        """Of a decided one: from when on no caller may come back for it."""
        claimable = 0 if self.left_at is None else self.left_at + self.claim_for_ns
        return max(self.decided_at + JOINABLE_NS, claimable)

    @property
    def instants(self) -> list[tuple[int, str]]:
        """When something of it is due: the next step of its escalation, and the next reminder."""
        if self.status != "open" or self.elsewhere:
            return []
        return [(at, self.review) for at in (self.due, *self.reminds[:1]) if at]

    @property
    def waited(self) -> bool:
        """Whether a caller waits for it."""
        here = self.waiting > 0 or (self.life is not None and bool(self.life.callers))
        return here or (self.open and self.waits_at != "")


def _found_by(join_key: str) -> tuple[bytes, int, bytes]:
    """See `joins`, `place` and `asks`."""
    if not join_key:
        return b"", 0, b""
    place = join_key.rpartition("\n")[0]
    if place.startswith(KEYED) and (key := keyed(join_key)) is not None:
        return digest(key.scope), 0, digest(key.request)
    return digest(join_key), key_of(place), b""
