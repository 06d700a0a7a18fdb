"""Carries messages to their destinations, never in the way of an invocation: what is due is sent, what fails is sent again, what cannot
be delivered waits for a person. The store has each message, under the id that it is sent with, until it was taken.
"""

from collections.abc import Callable, Sequence
from typing import Final

from msgspec.structs import replace

from orchvynt.decisions.alerts.memory import Undelivered
from orchvynt.decisions.outbox.waiting import PATIENCE_NS, Message, Outbox
from orchvynt.model.faults import Fault
from orchvynt.ports.clock import Clock, Ids
from orchvynt.ports.outbox import Delivered, Failed, MessageRow, OutboxChange
from orchvynt.ports.store import Store, StoreUnavailableError
from orchvynt.runtime import metrics as m
from orchvynt.runtime.channels import Channels, Sent
from orchvynt.runtime.metrics import Sampled, Values
from orchvynt.runtime.notices import test_body, undeliverable_body
from orchvynt.runtime.policies import Policies
from orchvynt.runtime.series import Series, bounded
from orchvynt.runtime.tasks import Tasks

PAGE: Final = 1_000
KEPT_NS: Final = 30 * 24 * 3_600 * 1_000_000_000
"""So long what is undeliverable is kept, and where messages went."""
FORGET_EVERY_NS: Final = 3_600 * 1_000_000_000
TELL_AGAIN_NS: Final = 3_600 * 1_000_000_000
BODY_BYTES_MAX: Final = 256 * 1024


class Delivering:
    """The outbox of one process, and what is under way from it. A destination is looked up when a message is sent: the policy in force
    says where it is."""

    def __init__(
        self, channels: Channels, store: Store, clock: Clock, ids: Ids, policies: Policies, tasks: Tasks, say: Callable[[str], None]
    ) -> None:
        self.channels = channels
        self.outbox = Outbox()
        self.sends = Series(m.MESSAGES)
        self.undeliverable: dict[str, int] = {}
        self.failing: dict[str, str] = {}
        self._store = store
        self._clock = clock
        self._ids = ids
        self._policies = policies
        self._tasks = tasks
        self._say = say
        # What the store does not have yet, in its order.
        self._unstored: dict[str, MessageRow] = {}
        self._failed: dict[str, Failed] = {}
        self._delivered: list[Delivered] = []
        self._recalled = False
        self._told_at: dict[str, int] = {}
        self._forgotten_at = 0

    def put(self, destination: str, line: str, body: bytes) -> str:
        """One message to one destination; gives its id. Those of one line arrive in their order. It is in the store with the next
        `keep`; until then a death of the process loses it, so who puts it must not forget what it is about before."""
        assert len(body) <= BODY_BYTES_MAX, "who writes a message bounds it"
        row = MessageRow(self._ids.new("msg"), destination, line, body, self._clock.now())
        self._unstored[row.id] = row
        self.outbox.add(Message(row.id, destination, line), self._clock.monotonic())
        return row.id

    def take_over(self, one: Undelivered) -> None:
        """A message that an older build kept beside the outbox, under its own id."""
        if one.id not in self.outbox:
            self._unstored[one.id] = MessageRow(one.id, one.destination, one.line, one.body, one.since)
            self.adopt([self._unstored[one.id]])

    def adopt(self, rows: Sequence[MessageRow]) -> None:
        """Messages that are in the store already."""
        at, mono = self._clock.now(), self._clock.monotonic()
        for row in rows:
            self.outbox.add(Message(row.id, row.destination, row.line), mono, at - row.since, row.failures)

    async def recall(self) -> None:
        """What an earlier process did not deliver, once. Raises StoreUnavailableError; then it is tried again."""
        if self._recalled:
            return
        after = ""
        while rows := await self._store.messages("waiting", PAGE, after):
            self.adopt(rows)
            after = rows[-1].id
        self.undeliverable = await self._store.undeliverable()
        self._recalled = True

    async def keep(self) -> None:
        """Writes what changed. Raises StoreUnavailableError; then nothing is forgotten here."""
        now = self._clock.monotonic()
        rows, failed, delivered = list(self._unstored.values()), list(self._failed.values()), list(self._delivered)
        if rows or failed or delivered:
            await self._store.change_outbox(OutboxChange(messages=rows, failed=failed, delivered=delivered))
            for row in rows:
                self._unstored.pop(row.id, None)
            self._failed = {name: one for name, one in self._failed.items() if one not in failed}
            del self._delivered[: len(delivered)]
        if not self._forgotten_at or now - self._forgotten_at >= FORGET_EVERY_NS:
            self._forgotten_at = now
            await self._store.forget_messages(self._clock.now() - KEPT_NS)
            self.undeliverable = await self._store.undeliverable()

    def sweep(self) -> None:
        """Ends what took too long, sends what is due. Asked about once a second."""
        now = self._clock.monotonic()
        self.channels.posting.sweep(now)
        for message in self.outbox.due(now):
            self._tasks.start(self._send(message), f"send {message.id}")

    async def _send(self, message: Message) -> None:
        try:
            await self._attempt(message)
        finally:
            # Whatever went wrong here, and is no answer of a channel, must not hold up its line for good.
            self.outbox.dropped(message.id, self._clock.monotonic(), self._ids.chance())

    async def _attempt(self, message: Message) -> None:
        try:
            row = self._unstored.get(message.id) or await self._store.message(message.id)
            if row is None:
                self.outbox.delivered(message.id)
                return
            destination = self._policies.current.destinations.get(message.destination)
            if destination is None:
                self._give_up(message, "the policy no longer has this destination")
                return
            sent = await self.channels.send(destination, row)
        except StoreUnavailableError as error:
            self.outbox.failed(message.id, self._clock.monotonic(), self._ids.chance())
            self._note_failing(message, f"the store is away: {error}")
            return
        self._ended(message, sent)

    def _ended(self, message: Message, sent: Sent) -> None:
        name = message.destination
        if not sent.why:
            self.outbox.delivered(message.id)
            self._failed.pop(message.id, None)
            self._delivered.append(Delivered(message.id, sent.reference, self._clock.now()))
            self.sends.add((name, "delivered"))
            if self.failing.pop(name, None) is not None:
                self._say(f"messages reach {name} again")
            return
        self.sends.add((name, "failed"))
        mono = self._clock.monotonic()
        if sent.final or self.outbox.impatient(message.id, mono):
            self._give_up(message, sent.why)
            return
        failures = self.outbox.failed(message.id, mono, self._ids.chance(), sent.wait_ns)
        self._failed[message.id] = Failed(message.id, failures, sent.why, "waiting")
        self._note_failing(message, sent.why)

    def _note_failing(self, message: Message, why: str) -> None:
        """Said when it begins, shown while it lasts."""
        name, said = message.destination, why.rstrip(".")
        if name not in self.failing:
            days = PATIENCE_NS // (24 * 3_600 * 1_000_000_000)
            self._say(f"message {message.id} was not taken by {name}: {said}; it is sent again for {days} days")
        self.failing[name] = said

    def _give_up(self, message: Message, why: str) -> None:
        """It is kept, marked, counted, and told to others; `resend` sends it once more."""
        name, said = message.destination, why.rstrip(".")
        failures = self.outbox.given_up(message.id)
        self._failed[message.id] = Failed(message.id, failures, said, "undeliverable")
        self.sends.add((name, "undeliverable"))
        self.undeliverable[name] = self.undeliverable.get(name, 0) + 1
        self._say(f"message {message.id} to {name} is undeliverable: {said}; `orchvynt notify outbox` shows it and sends it again")
        now = self._clock.monotonic()
        if name not in self._told_at or now - self._told_at[name] >= TELL_AGAIN_NS:
            self._told_at[name] = now
            snapshot = self._policies.current
            body = undeliverable_body(name, self.undeliverable[name], said, snapshot.version, self._clock.now())
            for other in dict.fromkeys(other for alert in snapshot.alerts for other in alert.notify):
                # What is told of a failure is not told again when that fails.
                if other != name and other in snapshot.destinations and other not in self.failing:
                    self.put(other, "undeliverable", body)

    async def resend(self, message: str) -> MessageRow | Fault:
        """A message that was given up is sent once more, under its own id. Raises StoreUnavailableError."""
        await self.keep()
        row = await self._store.message(message)
        if row is None:
            return Fault("not_found", "There is no such message; what was delivered is not kept.", "See `orchvynt notify outbox`.")
        if row.status == "undeliverable":
            row = replace(row, failures=0, status="waiting", since=self._clock.now())
            await self._store.change_outbox(OutboxChange(again=((row.id, row.since),)))
            self.undeliverable[row.destination] = max(0, self.undeliverable.get(row.destination, 0) - 1)
            self.adopt([row])
        return row

    async def test(self, name: str, by: str, link: str) -> Sent | Fault:
        """One message, at once and not from the outbox: what comes back is the answer. Raises StoreUnavailableError."""
        destination = self._policies.current.destinations.get(name)
        if destination is None:
            return Fault("not_found", "The policy has no destination of this name.", "See `orchvynt notify list`.", param="name")
        at = self._clock.now()
        body = test_body(name, by, self._policies.current.version, at, link)
        return await self.channels.send(destination, MessageRow(self._ids.new("msg"), name, "test", body, at))

    def sampled(self) -> list[Sampled]:
        """The metrics about messages."""
        names: dict[Values, int] = {(name,): 0 for name in self._policies.current.destinations}
        waiting = names | {(name,): count for name, count in self.outbox.waiting().items()}
        given_up = names | {(name,): count for name, count in self.undeliverable.items()}
        return [bounded(m.MESSAGES_WAITING, waiting), bounded(m.MESSAGES_UNDELIVERABLE, given_up), self.sends.sampled()]
