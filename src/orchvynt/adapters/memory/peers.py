"""What processes of one store keep there for one another, over dicts: a part of the store. Its clock is the machine's."""

import time
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from orchvynt.adapters.memory.parked import MemoryParked, parked_row
from orchvynt.adapters.projection import Batch
from orchvynt.model.facts import ReviewDecided, ReviewOpened
from orchvynt.model.review_facts import CLAIM_FOR_NS
from orchvynt.ports.parked import Departure, ParkedRow
from orchvynt.ports.peers import REVIEW_CHANGES_KEPT, TOLD_NS, Pulse, Question, Served, Tenure
from orchvynt.ports.store import PolicyRow


class MemoryPeers(MemoryParked):
    """Implements ports.peers.PeerStore over the reviews of the inbox."""

    def __init__(self) -> None:
        super().__init__()
        self._served: dict[str, Served] = {}
        self._questions: dict[str, Question] = {}
        self._answers: dict[str, bytes] = {}
        self._tenures: dict[str, tuple[Tenure, int]] = {}
        self._review_changes: list[tuple[int, str]] = []
        self._newest_change = 0
        self._policies: list[PolicyRow] = []
        self._key_changes = 0

    def file_review_changes(self, batch: Batch, process: str) -> None:
        for fact in batch.reviews:
            if isinstance(fact, ReviewOpened):
                self._owners.setdefault(fact.review, process)
            elif isinstance(fact, ReviewDecided):
                self._owners.pop(fact.review, None)
        self._number_changes(fact.inv for fact in (*batch.reviews, *batch.departures))

    def _number_changes(self, changed: Iterable[str]) -> None:
        for inv in dict.fromkeys(changed):
            self._newest_change += 1
            self._review_changes.append((self._newest_change, inv))
        del self._review_changes[:-REVIEW_CHANGES_KEPT]

    async def pulse(self) -> Pulse:
        self._check_open()
        return Pulse(time.time_ns(), len(self._policies), self._newest_change, self._key_changes)

    async def put_served(self, served: Served) -> None:
        self._check_open()
        self._served[served.process] = served

    async def served(self) -> list[Served]:
        self._check_open()
        return [self._served[process] for process in sorted(self._served)]

    async def ask(self, question: Question) -> None:
        self._check_open()
        self._questions[question.id] = question

    async def questions(self, to: str) -> list[Question]:
        self._check_open()
        return [one for one in self._questions.values() if one.to == to and one.id not in self._answers]

    async def answer(self, question: str, answer: bytes) -> bool:
        self._check_open()
        if question not in self._questions or question in self._answers:
            return False
        self._answers[question] = answer
        return True

    async def answer_to(self, question: str) -> bytes | None:
        self._check_open()
        return self._answers.get(question)

    async def take_back(self, question: str) -> None:
        self._check_open()
        self._questions.pop(question, None)
        self._answers.pop(question, None)

    async def take_tenure(self, name: str, process: str, for_ns: int, said: str = "") -> Tenure:
        self._check_open()
        now = time.time_ns()
        known = self._tenures.get(name)
        if known is None or known[0].process == process or 0 < known[1] <= now:
            known = self._tenures[name] = (Tenure(name, process, said), now + for_ns if for_ns else 0)
        return known[0]

    async def end_tenures(self, ended: Sequence[Tenure]) -> None:
        self._check_open()
        for one in ended:
            if (known := self._tenures.get(one.name)) is not None and known[0] == one:
                del self._tenures[one.name]

    async def forget_peer(self, process: str) -> None:
        self._check_open()
        self._served.pop(process, None)
        self._tenures = {name: one for name, one in self._tenures.items() if one[0].process != process}
        self._questions = {name: one for name, one in self._questions.items() if process not in (one.to, one.by)}
        self._answers = {name: one for name, one in self._answers.items() if name in self._questions}

    async def changed_reviews(self, after: int, limit: int) -> list[tuple[int, str]]:
        self._check_open()
        return [one for one in self._review_changes if one[0] > after][:limit]

    async def parked_of(self, invocations: Sequence[str]) -> list[ParkedRow]:
        self._check_open()
        rows = sorted((row for row in self._reviews.values() if row.inv in set(invocations)), key=lambda row: (row.opened_at, row.review))
        return [parked_row(row, self._departures.get(row.inv) or Departure(row.inv, CLAIM_FOR_NS), self._owner(row.review)) for row in rows]

    async def review_owner(self, review: str) -> str:
        self._check_open()
        return self._owner(review)

    async def adopt_review(self, review: str, was: str, process: str) -> bool:
        self._check_open()
        if self._owners.get(review) != was:
            return False
        self._owners[review] = process
        self._number_changes([self._reviews[review].inv])
        return True

    async def adopt_reviews(self, process: str, living: Sequence[str]) -> list[str]:
        self._check_open()
        orphaned = [review for review, owner in self._owners.items() if owner not in (*living, process)]
        self._owners.update(dict.fromkeys(orphaned, process))
        invocations = list(dict.fromkeys(self._reviews[review].inv for review in orphaned))
        self._number_changes(invocations)
        return invocations

    async def cut_off(self, process: str, at: int) -> None:
        self._check_open()
        awaited = {row.inv for row in self._reviews.values() if row.status == "open" or row.decided_at > at - TOLD_NS}
        cut = [one for one in self._departures.values() if one.process == process and one.inv in awaited]
        self._departures |= {one.inv: replace(one, left_at=at, process="") for one in cut}
        self._number_changes(one.inv for one in cut)
