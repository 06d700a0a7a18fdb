"""Messages on their way: signed anew each time, to the address of the policy in force, again after whatever failed; no secret is said."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from standardwebhooks import Webhook
from tests.runtime.test_alerting import HOOK, SECRET, policy
from tests.support.carrying import Arrival, FakeSecrets, Runtime
from tests.support.snapshots import SECOND
from tests.support.turning import Turning

from orchvynt.decisions.outbox.waiting import PATIENCE_NS
from orchvynt.language.snapshot import Alert, Expression
from orchvynt.model.faults import Fault
from orchvynt.ports.outbox import MessageRow, MessageStatus
from orchvynt.ports.upstream import Address, UpstreamFailure
from orchvynt.runtime.delivering import Delivering
from orchvynt.runtime.posting import ANSWER_BYTES_MAX, ANSWER_NS


class World(Turning):
    """Messages on their way; the test plays their receivers."""

    def __init__(self, secret: str = SECRET, runtime: Runtime | None = None, **more: Any) -> None:
        super().__init__()
        self.runtime = runtime or Runtime(policy(**more), FakeSecrets(**({"HOOK_SECRET": secret} if secret else {})))

    @property
    def delivering(self) -> Delivering:
        return self.runtime.alerting.delivering

    @property
    def arrivals(self) -> list[Arrival]:
        return self.runtime.upstream.arrivals

    @property
    def last(self) -> Arrival:
        return self.runtime.last

    def look(self, seconds: int = 1) -> None:
        self.runtime.clock.advance(seconds * SECOND)

        async def looks() -> None:
            await self.delivering.recall()
            await self.delivering.keep()
            self.delivering.sweep()

        self.do(looks())

    def answer(self, arrival: Arrival, status: int = 200, *headers: tuple[bytes, bytes]) -> None:
        arrival.listener.on_head(status, headers)
        arrival.listener.on_end()
        self.turns()

    def rows(self, status: MessageStatus) -> list[MessageRow]:
        return self.do(self.runtime.store.messages(status, 1_000))


def test_a_message_is_signed_and_leaves_when_it_was_taken() -> None:
    world = World()
    world.delivering.put("oncall", "a", b'{"type":"alert.firing"}')
    world.look()
    assert len(world.rows("waiting")) == 1
    sent, clock = world.last, world.runtime.clock
    assert (sent.address, sent.path) == (Address("127.0.0.1", 9, False), "/hook")
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["webhook-timestamp"] == str(clock.now() // SECOND)
    signer = Webhook(SECRET)
    expected = signer.sign(sent.headers["webhook-id"], datetime.fromtimestamp(clock.now() // SECOND, UTC), '{"type":"alert.firing"}')
    assert sent.headers["webhook-signature"] == expected
    world.answer(sent, 204)
    world.look(3600)
    assert len(world.arrivals) == 1
    assert world.delivering.sends.numbers == {("oncall", "delivered"): 1}
    assert len(world.delivering.outbox) == 0
    assert world.rows("waiting") == []


FAILURES: dict[str, Any] = {"500": 500, "a redirect": 307, "418": 418, "refused": None}


def fail(world: World, arrival: Arrival, status: int | None) -> None:
    if status is not None:
        world.answer(arrival, status)
        return
    arrival.listener.on_failure(UpstreamFailure("connect", "nobody listens", False, False))
    world.turns()


@pytest.mark.parametrize("how", FAILURES)
def test_it_is_sent_again_under_the_same_id_with_a_new_signature(how: str) -> None:
    world = World()
    world.delivering.put("oncall", "a", b"{}")
    world.look()
    first = world.last
    fail(world, first, FAILURES[how])
    world.look(0)
    assert len(world.arrivals) == 1, "not at once"
    world.look(2)
    second = world.last
    assert second is not first
    assert second.path == "/hook"
    assert second.headers["webhook-id"] == first.headers["webhook-id"]
    assert second.headers["webhook-signature"] != first.headers["webhook-signature"]
    fail(world, second, FAILURES[how])
    world.look(10)
    world.answer(world.last)
    assert world.delivering.sends.numbers == {("oncall", "failed"): 2, ("oncall", "delivered"): 1}
    assert len(world.runtime.said) == 2, "said at the first failure, and when it works again"
    assert SECRET not in world.runtime.said[0]


def test_a_receiver_is_left_alone_for_as_long_as_it_asks_and_for_good_when_it_is_gone() -> None:
    world = World()
    world.delivering.put("oncall", "a", b"{}")
    world.delivering.put("oncall", "b", b"{}")
    world.look()
    world.answer(world.arrivals[0], 429, (b"retry-after", b"60"))
    world.answer(world.arrivals[1], 204)
    world.look(59)
    assert len(world.arrivals) == 2
    world.look()
    assert len(world.arrivals) == 3
    world.answer(world.last, 410)
    world.look(3600)
    assert len(world.arrivals) == 3
    assert [row.why for row in world.rows("undeliverable")] == ["it answered 410: it wants no message any more"]


def test_silence_and_endless_answers_are_ended() -> None:
    world = World()
    world.delivering.put("oncall", "a", b"{}")
    world.look()
    silent = world.last
    world.look(ANSWER_NS // SECOND)
    assert silent.call.cancelled
    world.look(2)
    endless = world.last
    endless.listener.on_head(200, [])
    for _ in range(3):
        endless.listener.on_data(b"x" * (ANSWER_BYTES_MAX // 2))
    world.turns()
    assert endless.call.cancelled
    assert world.delivering.sends.numbers == {("oncall", "failed"): 1, ("oncall", "delivered"): 1}, "its status was good"


@pytest.mark.parametrize("secret", ["", "whsec_!!!"])
def test_what_cannot_be_signed_waits_for_a_secret(secret: str) -> None:
    world = World(secret)
    world.delivering.put("oncall", "a", b"{}")
    world.look()
    assert world.arrivals == []
    assert len(world.delivering.outbox) == 1
    assert "cannot be signed" in world.runtime.said[0]
    assert "!!!" not in world.runtime.said[0]


def test_the_policy_in_force_says_where() -> None:
    world = World()
    world.delivering.put("oncall", "a", b"{}")
    world.delivering.put("oncall", "b", b"{}")
    world.runtime.policies.current = policy(destinations={"oncall": msgspec.structs.replace(HOOK, port=10, path="/moved")})
    world.look()
    assert [(one.address.port, one.path) for one in world.arrivals] == [(10, "/moved")] * 2
    for arrival in list(world.arrivals):
        world.answer(arrival, 500)
    world.runtime.policies.current = policy(destinations={})
    world.look(5)
    assert len(world.arrivals) == 2
    assert world.delivering.sends.numbers[("oncall", "undeliverable")] == 2
    assert "the policy no longer has this destination" in world.runtime.said[-1]
    world.look()
    assert [row.why for row in world.rows("undeliverable")] == ["the policy no longer has this destination"] * 2


def test_what_cannot_be_delivered_is_kept_told_to_others_and_sent_again_when_asked() -> None:
    other = msgspec.structs.replace(HOOK, name="other", path="/other")
    tells = Alert(Expression("false", lambda _: False, frozenset(), "alert"), SECOND, SECOND, ("oncall", "other"))
    world = World(destinations={"oncall": HOOK, "other": other}, alerts=(tells,))
    first = world.delivering.put("oncall", "a", b"{}")
    world.look()
    world.answer(world.last, 500)
    world.look(PATIENCE_NS // SECOND)
    world.answer(world.last, 500)
    assert "undeliverable: it answered 500" in world.runtime.said[-1]
    world.look(1)
    assert [row.id for row in world.rows("undeliverable")] == [first]
    assert world.delivering.undeliverable == {"oncall": 1}
    told = world.last
    assert (told.path, told.body["data"]["alert"]) == ("/other", "undeliverable")
    world.answer(told)
    count = len(world.arrivals)
    world.look(3600)
    assert len(world.arrivals) == count, "nobody sends it now"
    again = world.do(world.delivering.resend(first))
    assert isinstance(again, MessageRow)
    assert again.status == "waiting"
    world.look()
    assert world.last.headers["webhook-id"] == first
    world.answer(world.last)
    world.look()
    assert world.rows("undeliverable") == world.rows("waiting") == []
    assert isinstance(world.do(world.delivering.resend(first)), Fault)


def test_a_later_process_goes_on_with_the_same_ids() -> None:
    world = World("")
    ids = [world.delivering.put("oncall", line, b"{}") for line in ("a", "b", "a")]
    world.look()
    after = World(runtime=Runtime(policy(), FakeSecrets(HOOK_SECRET=SECRET), store=world.runtime.store))
    after.look(0)
    assert [one.headers["webhook-id"] for one in after.arrivals] == [ids[0], ids[1]]
    after.answer(after.arrivals[0])
    after.look()
    assert after.last.headers["webhook-id"] == ids[2]


def test_a_store_that_is_away_loses_nothing() -> None:
    world = World()
    world.look()
    world.runtime.store.away = True
    sent = world.delivering.put("oncall", "a", b"{}")
    with pytest.raises(Exception, match="the disk is away"):
        world.do(world.delivering.keep())
    world.runtime.store.away = False
    world.look()
    assert world.last.headers["webhook-id"] == sent
    assert [row.id for row in world.rows("waiting")] == [sent]
