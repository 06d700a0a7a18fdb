"""A runtime whose journal gets facts of reviews from the test, and a receiver that takes what is told of them."""

from typing import Any

import msgspec
from tests.contract.store import lives
from tests.runtime.test_alerting import HOOK, SECRET, policy
from tests.support.carrying import Arrival, BreakableStore, FakeSecrets, Runtime
from tests.support.snapshots import SECOND
from tests.support.turning import Turning

from orchvynt.language.snapshot import Gate, Group, Snapshot
from orchvynt.model.facts import Choice, ReviewDecided, ReviewEscalated, ReviewOpened

SECRETS = {
    "HOOK_SECRET": SECRET,
    "SLACK_TOKEN": "xoxb-1",
    "SLACK_SIGNING_SECRET": "shh",
    "SMTP_URL": "smtps://me@mail.example:pw@mail.example",
}
GATE = Gate("g", "output", None, "finance", False, None, notify=("oncall",))
GROUPS = {"finance": Group("finance", ("ana@example.com",)), "heads": Group("heads", ("Cfo@example.com",), notify=("heads",))}


def told_by(**more: Any) -> Snapshot:
    return policy(**{"gates": (GATE,), "groups": GROUPS, "destinations": {"oncall": HOOK}, **more})


class Told(Turning):
    """`told` are the bodies that were taken, in order, with the path; the receiver answers `status`."""

    def __init__(self, made: Snapshot | None = None, store: BreakableStore | None = None, life: int = 0) -> None:
        super().__init__()
        self.runtime = Runtime(made or told_by(), FakeSecrets(**SECRETS), store)
        # Ids are unique over restarts.
        for _ in range(1_000 * life):
            self.runtime.ids.new("")
        self.status = 204
        self.told: list[tuple[str, Any]] = []
        self.ids: list[str] = []
        self.arrivals: list[Arrival] = []
        self.answers: dict[str, bytes] = {}

    def fact(self, fact: Any, number: int = 1) -> None:
        if not self.runtime.store._records.get(lives.inv_id(number)):
            self.runtime.journal.append([lives.received(number)])
        self.runtime.journal.append([fact])

    def opened(self, review: str, number: int = 1, gate: str = "g", **more: Any) -> None:
        made = ReviewOpened(lives.inv_id(number), self.runtime.clock.now(), review, gate, ("finance",), "k", "", b"", requester="c@x.y")
        self.fact(msgspec.structs.replace(made, **more), number)

    def decided(self, review: str, decision: Any = "approve", number: int = 1, reason: str = "") -> None:
        self.fact(ReviewDecided(lives.inv_id(number), self.runtime.clock.now(), review, decision, "ana@example.com", b"", reason), number)

    def escalated(self, review: str, to: str = "heads", number: int = 1) -> None:
        self.fact(ReviewEscalated(lives.inv_id(number), self.runtime.clock.now(), review, to), number)

    def look(self, seconds: int = 1) -> None:
        """Seconds pass, with a look at each; what is posted is answered."""
        for _ in range(seconds):
            self.runtime.clock.advance(SECOND)
            self.do(self.runtime.alerting.tick())
            self.answer()

    def answer(self) -> None:
        while self.runtime.upstream.arrivals:
            arrival = self.runtime.upstream.arrivals.pop(0)
            self.arrivals.append(arrival)
            if 200 <= self.status < 300:
                self.told.append((arrival.path, arrival.body))
                self.ids.append(arrival.headers.get("webhook-id", ""))
            arrival.listener.on_head(self.status, [(b"retry-after", b"7")] if self.status == 429 else [])
            arrival.listener.on_data(self.answers.get(arrival.path.rpartition("/")[2], b'{"ok":true,"channel":"C1","ts":"170.1"}'))
            arrival.listener.on_end()
            self.turns()

    @property
    def types(self) -> list[tuple[str, list[str]]]:
        return [(body["type"], [one["review"] for one in body["data"]["reviews"]]) for _, body in self.told if "data" in body]


CHOICES: tuple[Choice, ...] = ("approve", "reject")
