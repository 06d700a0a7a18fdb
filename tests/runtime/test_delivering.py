"""Messages on their way: signed anew each time, to the address of the policy in force, again after whatever failed; no secret is said."""

from typing import Any

import msgspec
import pytest
from standardwebhooks import Webhook
from tests.runtime.test_alerting import HOOK, SECRET, policy
from tests.support.carrying import Arrival, FakeSecrets, Runtime
from tests.support.snapshots import SECOND

from orchvynt.decisions.alerts.outbox import AGE_NS_MAX, MESSAGES_MAX
from orchvynt.ports.upstream import Address, UpstreamFailure
from orchvynt.runtime.delivering import ANSWER_BYTES_MAX, ANSWER_NS, Delivering


def world(secret: str = SECRET, **more: Any) -> tuple[Runtime, Delivering]:
    runtime = Runtime(policy(**more), FakeSecrets(**({"HOOK_SECRET": secret} if secret else {})))
    return runtime, runtime.alerting.delivering


def look(runtime: Runtime, seconds: int = 1) -> None:
    runtime.clock.advance(seconds * SECOND)
    runtime.alerting.delivering.sweep()


def answer(arrival: Arrival, status: int = 200) -> None:
    arrival.listener.on_head(status, [])
    arrival.listener.on_end()


def test_a_message_is_signed_and_leaves_when_it_was_taken() -> None:
    runtime, delivering = world()
    delivering.put("oncall", "a", b'{"type":"alert.firing"}')
    look(runtime)
    sent = runtime.last
    assert (sent.address, sent.path) == (Address("127.0.0.1", 9, False), "/hook")
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["webhook-timestamp"] == str(runtime.clock.now() // SECOND)
    signer = Webhook(SECRET)
    expected = signer.sign(sent.headers["webhook-id"], _instant(runtime), '{"type":"alert.firing"}')
    assert sent.headers["webhook-signature"] == expected
    answer(sent, 204)
    look(runtime, 3600)
    assert len(runtime.upstream.arrivals) == 1
    assert delivering.sends.numbers == {("oncall", "delivered"): 1}
    assert len(delivering.outbox) == 0


def _instant(runtime: Runtime) -> Any:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(runtime.clock.now() // SECOND, UTC)


FAILURES: dict[str, Any] = {
    "500": lambda arrival: answer(arrival, 500),
    "a redirect": lambda arrival: answer(arrival, 307),
    "410": lambda arrival: answer(arrival, 410),
    "refused": lambda arrival: arrival.listener.on_failure(UpstreamFailure("connect", "nobody listens", False, False)),
}


@pytest.mark.parametrize("how", FAILURES)
def test_it_is_sent_again_under_the_same_id_with_a_new_signature(how: str) -> None:
    runtime, delivering = world()
    delivering.put("oncall", "a", b"{}")
    look(runtime)
    first = runtime.last
    FAILURES[how](first)
    look(runtime, 0)
    assert len(runtime.upstream.arrivals) == 1, "not at once"
    look(runtime, 2)
    second = runtime.last
    assert second is not first
    assert second.path == "/hook"
    assert second.headers["webhook-id"] == first.headers["webhook-id"]
    assert second.headers["webhook-signature"] != first.headers["webhook-signature"]
    FAILURES[how](second)
    look(runtime, 10)
    answer(runtime.last)
    assert delivering.sends.numbers == {("oncall", "failed"): 2, ("oncall", "delivered"): 1}
    assert len(runtime.said) == 1, "said at the first failure"
    assert SECRET not in runtime.said[0]


def test_silence_and_endless_answers_are_ended() -> None:
    runtime, delivering = world()
    delivering.put("oncall", "a", b"{}")
    look(runtime)
    silent = runtime.last
    look(runtime, ANSWER_NS // SECOND)
    assert silent.call.cancelled
    look(runtime, 2)
    endless = runtime.last
    endless.listener.on_head(200, [])
    for _ in range(3):
        endless.listener.on_data(b"x" * (ANSWER_BYTES_MAX // 2))
    assert endless.call.cancelled
    assert delivering.sends.numbers == {("oncall", "failed"): 1, ("oncall", "delivered"): 1}, "its status was good"


@pytest.mark.parametrize("secret", ["", "whsec_!!!"])
def test_what_cannot_be_signed_waits_for_a_secret(secret: str) -> None:
    runtime, delivering = world(secret)
    delivering.put("oncall", "a", b"{}")
    look(runtime)
    assert runtime.upstream.arrivals == []
    assert len(delivering.outbox) == 1
    assert "cannot be signed" in runtime.said[0]
    assert "!!!" not in runtime.said[0]


def test_the_policy_in_force_says_where() -> None:
    runtime, delivering = world()
    delivering.put("oncall", "a", b"{}")
    delivering.put("oncall", "b", b"{}")
    runtime.policies.current = policy(destinations={"oncall": msgspec.structs.replace(HOOK, port=10, path="/moved")})
    look(runtime)
    assert [(one.address.port, one.path) for one in runtime.upstream.arrivals] == [(10, "/moved")] * 2
    for arrival in list(runtime.upstream.arrivals):
        answer(arrival, 500)
    runtime.policies.current = policy(destinations={})
    look(runtime, 5)
    assert len(runtime.upstream.arrivals) == 2
    assert delivering.sends.numbers[("oncall", "dropped")] == 2
    assert "the policy no longer has this destination" in runtime.said[-1]
    assert len(delivering.outbox) == 0


def test_what_is_too_old_or_too_much_is_dropped_and_said() -> None:
    runtime, delivering = world("")
    for _ in range(MESSAGES_MAX + 1):
        delivering.put("oncall", "a", b"{}")
    assert "too many newer ones wait" in runtime.said[0]
    look(runtime, AGE_NS_MAX // SECOND)
    assert len(delivering.outbox) == 0
    assert delivering.sends.numbers[("oncall", "dropped")] == MESSAGES_MAX + 1
