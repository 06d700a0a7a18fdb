"""Takes callers' scores of their answers: once for each invocation, on record, and into the measured quality of the model."""

from typing import Annotated, Final

import msgspec

from orchvynt.decisions.routing.quality import Scores
from orchvynt.model.facts import AnswerDelivered, AnyFact, FeedbackGiven, InvocationFinished, InvocationReceived
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import caller_of
from orchvynt.ports.clock import Clock
from orchvynt.ports.journal import Journal, JournalUnavailableError
from orchvynt.ports.store import Store
from orchvynt.runtime.peers import Peers

LABEL_CHARS_MAX: Final = 100
COMMENT_CHARS_MAX: Final = 2_000
RESTORED_MAX: Final = 20_000
# What was given just now may not be visible in the store yet; it is, long before so many more have come.
RECENT_MAX: Final = 10_000


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a feedback."""

    score: Annotated[float, msgspec.Meta(ge=0, le=1)]
    label: Annotated[str, msgspec.Meta(max_length=LABEL_CHARS_MAX)] = ""
    comment: Annotated[str, msgspec.Meta(max_length=COMMENT_CHARS_MAX)] = ""


async def restore_scores(store: Store, scores: Scores) -> None:
    """What earlier processes were told, as far as it still counts."""
    for row in await store.feedback(RESTORED_MAX):
        scores.add(row.provider, row.model, row.workload, row.score)


class Feedback:
    """The scores of one process."""

    def __init__(self, journal: Journal, clock: Clock, store: Store, scores: Scores, peers: Peers) -> None:
        self._journal = journal
        self._clock = clock
        self._store = store
        self._scores = scores
        self._peers = peers
        self._recent: dict[str, None] = {}

    async def give(self, inv: str, caller: str, said: Said) -> FeedbackGiven | Fault:
        """On record when it returns. Raises StoreUnavailableError."""
        await self._peers.file()
        record = await self._store.facts(inv)
        # No await from here to the append: of two that come at once, the second sees the first.
        made = self._made(inv, caller, said, record)
        if isinstance(made, Fault):
            return made
        try:
            self._journal.append([made])
        except JournalUnavailableError as error:
            return Fault("store_unavailable", f"The record cannot be written ({error}).", "Send it again later.", retry_after_seconds=5)
        if len(self._recent) >= RECENT_MAX:
            del self._recent[next(iter(self._recent))]
        self._recent[inv] = None
        self._scores.add(made.provider, made.model, made.workload, made.score)
        return made

    def _made(self, inv: str, caller: str, said: Said, record: list[AnyFact]) -> FeedbackGiven | Fault:
        received = next((fact for fact in record if isinstance(fact, InvocationReceived)), None)
        if received is None or caller_of(received.key, received.key_id) != caller:
            what = f"There is no invocation {inv[:100]} for this key."
            return Fault("not_found", what, "Feedback is taken from the key that asked.")
        if inv in self._recent or any(isinstance(fact, FeedbackGiven) for fact in record):
            return Fault("conflict", f"Feedback for {inv} was given already.", "An answer is scored once; the first score stands.")
        finished = next((fact for fact in record if isinstance(fact, InvocationFinished)), None)
        if finished is None:
            return Fault("conflict", f"{inv} has not ended yet.", "Score its answer when it is there.", retry_after_seconds=1, retry=True)
        if not any(isinstance(fact, AnswerDelivered) for fact in record):
            return Fault("conflict", f"{inv} ended without an answer ({finished.outcome}), so there is nothing to score.")
        return FeedbackGiven(
            inv, self._clock.now(), said.score, finished.model, finished.provider, received.claims.workload, said.label, said.comment
        )
