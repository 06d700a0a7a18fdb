"""From facts to messages: what lives of every kind count for alerts, what is said, put in the outbox, shown and measured."""

import asyncio
import json
from typing import Any

import msgspec
import pytest
from tests.decisions.test_alert_watching import alert
from tests.support.answers import ANTHROPIC_WHOLE, WHOLE, refused
from tests.support.carrying import FakeSecrets, Runtime
from tests.support.snapshots import SECOND, invocation, snapshot
from tests.support.turning import Turning

from orchvynt.language.snapshot import Alert, Budget, Destination, EvaluationError, Expression, Limits, SecretRef, Snapshot
from orchvynt.runtime import metrics as m

HOOK = Destination("oncall", "127.0.0.1", 9, False, "/hook", SecretRef("env", "HOOK_SECRET"))
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def policy(*alerts: Alert, **more: Any) -> Snapshot:
    given: dict[str, Any] = {"alerts": alerts, "destinations": {"oncall": HOOK}, **more}
    return msgspec.structs.replace(snapshot(max_retries=0), **given)


class Watched(Turning):
    """A runtime whose alerts are looked at once a second; what is sent to the hook is taken at once."""

    def __init__(self, made: Snapshot) -> None:
        super().__init__()
        self.runtime = Runtime(made, FakeSecrets(HOOK_SECRET=SECRET))
        self.told: list[dict[str, Any]] = []
        self.count = 0

    def call(self, *answers: tuple[int, bytes], model: str = "gpt") -> None:
        """One invocation whose attempts are answered in turn."""
        self.count += 1
        self.runtime.ask(msgspec.structs.replace(invocation(model), id=f"inv_{self.count}"))
        for status, body in answers:
            self.runtime.last.answers(body, status)

    def looks(self, seconds: int) -> None:
        for _ in range(seconds):
            self.runtime.later(SECOND)
            self.look()
            for arrival in self.runtime.upstream.arrivals:
                if arrival.path == "/hook" and not arrival.call.cancelled:
                    self.told.append(arrival.body)
                    arrival.listener.on_head(204, [])
                    arrival.listener.on_end()
            self.runtime.upstream.arrivals = [one for one in self.runtime.upstream.arrivals if one.path != "/hook"]
            self.turns()

    def look(self) -> None:
        self.do(self.runtime.alerting.tick())


FELL_BACK = ((500, refused()), (200, ANTHROPIC_WHOLE))


def tally(watched: Watched, provider: str = "openai") -> tuple[int, int]:
    found = watched.runtime.carrier.counting.tallies.chains["default", provider]
    return found.calls, found.activations


def test_a_use_of_the_chain_counts_for_the_provider_that_was_asked_first() -> None:
    watched = Watched(policy())
    watched.call((200, WHOLE))
    watched.call(*FELL_BACK)
    watched.call((200, ANTHROPIC_WHOLE), model="claude")
    assert tally(watched) == (2, 1)
    assert tally(watched, "anthropic") == (1, 0)


def test_one_that_rests_counts_as_long_as_it_is_passed_over() -> None:
    """Else an outage would be over as soon as nobody asks any more."""
    watched = Watched(policy())
    watched.call((401, refused()), (200, ANTHROPIC_WHOLE))
    watched.call((200, ANTHROPIC_WHOLE))
    watched.call((429, refused()))
    watched.call()
    assert tally(watched) == (4, 4)


def test_a_budget_without_room_is_no_illness_of_a_provider() -> None:
    tight = Budget("tight", "global", None, "day", Limits(None, 400), wait_for_holds_ns=0)
    watched = Watched(policy(budgets=(tight,)))
    for _ in range(3):
        watched.call()
    assert tally(watched)[1] == 0


def test_without_a_chain_nothing_is_counted() -> None:
    watched = Watched(msgspec.structs.replace(policy(), chains={}))
    watched.call((500, refused()))
    assert watched.runtime.carrier.counting.tallies.chains == {}


def test_an_outage_is_told_once_and_its_end_once() -> None:
    watched = Watched(policy(alert("activation_rate > 0.4 && calls >= 4", 30)))
    for _ in range(6):
        watched.call(*FELL_BACK)
    watched.looks(5)
    assert watched.told == []
    (line,) = watched.runtime.alerting.lines()
    assert (line.alert, line.phase, line.chain, line.provider) == ("fallback.alerts[0]", "pending", "default", "openai")
    watched.looks(15)
    (told,) = watched.told
    since = told["data"]["group"][0].pop("since")
    assert told["timestamp"] > since > "2023-11-14T22:13:20"
    assert told == {
        "type": "alert.firing",
        "timestamp": told["timestamp"],
        "data": {
            "alert": "fallback.alerts[0]",
            "when": "activation_rate > 0.4 && calls >= 4",
            "window": "30s",
            "status": "firing",
            "repeated": False,
            "text": "`activation_rate > 0.4 && calls >= 4` holds over 30s: "
            "chain default was used in 100% of 6 invocations that were routed to openai.",
            "next": "orchvynt providers",
            "policy_version": 1,
            "group": [{"chain": "default", "provider": "openai", "activation_rate": 1.0, "calls": 6, "invocation": "inv_6"}],
            "more": 0,
        },
    }
    assert watched.runtime.said == [f"alert firing: {told['data']['text']}"]
    watched.looks(100)
    assert [one["type"] for one in watched.told] == ["alert.firing", "alert.resolved"]
    over = watched.told[1]["data"]["text"]
    assert over == "`activation_rate > 0.4 && calls >= 4` no longer holds over 30s: chain default behind openai."
    assert watched.runtime.said[1:] == [f"alert resolved: {over}"]
    assert watched.runtime.alerting.lines() == []


def test_what_goes_on_is_told_again_and_not_said_again() -> None:
    watched = Watched(policy(msgspec.structs.replace(alert("calls >= 1", 2), repeat_ns=60 * SECOND)))
    for _ in range(130):
        watched.call((200, WHOLE))
        watched.looks(1)
    assert [one["data"]["repeated"] for one in watched.told] == [False, True, True]
    assert "still holds" in watched.told[1]["data"]["text"]
    assert len(watched.runtime.said) == 1


@pytest.mark.parametrize(
    ("status", "name", "said"),
    [
        (401, "credential_refused", "Provider openai refused our credential, once within 5m."),
        (402, "quota_exhausted", "Provider openai says that the quota is exhausted, once within 5m."),
    ],
)
def test_a_refused_credential_is_told_although_no_alert_is_about_it(status: int, name: str, said: str) -> None:
    watched = Watched(policy(alert("calls > 9000")))
    watched.call((status, refused()), (200, ANTHROPIC_WHOLE))
    watched.looks(2)
    (told,) = watched.told
    assert (told["data"]["alert"], told["data"]["group"][0]["activation_rate"]) == (name, None)
    assert told["data"]["text"].startswith(said)
    assert told["data"]["group"][0]["invocation"] == "inv_1"
    watched.looks(310)
    assert [one["type"] for one in watched.told] == ["alert.firing", "alert.resolved"]
    assert watched.told[1]["data"]["text"] == said.replace("once within", "but not in the last")


def test_a_bill_beyond_what_was_allowed_is_told() -> None:
    bounded = Budget("all", "global", None, "day", Limits(None, 100_000))
    watched = Watched(policy(alert("calls > 9000"), budgets=(bounded,)))
    watched.call((200, WHOLE.replace(b'"completion_tokens":1,"total_tokens":10', b'"completion_tokens":90000,"total_tokens":90009')))
    watched.looks(2)
    assert [one["data"]["alert"] for one in watched.told] == ["provider_overrun"]
    assert watched.told[0]["data"]["next"] == "orchvynt explain inv_1"


def test_without_a_destination_it_still_shows() -> None:
    watched = Watched(policy(destinations={}))
    watched.call((401, refused()), (200, ANTHROPIC_WHOLE))
    watched.looks(2)
    assert watched.told == []
    assert watched.runtime.said[0].startswith("alert firing: Provider openai refused our credential")
    (line,) = watched.runtime.alerting.lines()
    assert (line.alert, line.phase, line.activation_rate, line.calls, line.notify) == ("credential_refused", "firing", None, 1, ())


def test_an_alert_that_the_policy_no_longer_has_is_over_for_its_receivers() -> None:
    watched = Watched(policy(alert("calls >= 1", 5)))
    watched.call((200, WHOLE))
    watched.looks(7)
    assert len(watched.told) == 1
    watched.runtime.policies.current = policy(alert("calls > 9000"))
    watched.looks(2)
    assert watched.told[1]["type"] == "alert.resolved"
    assert watched.told[1]["data"]["text"] == "The policy no longer has the alert `calls >= 1`; it was firing."


def test_what_cannot_be_evaluated_is_counted_each_time_and_said_once() -> None:
    broken = True

    def runs(_values: object) -> object:
        if broken:
            raise EvaluationError("it costs too much")
        return False

    watched = Watched(policy(Alert(Expression("calls > 1", runs, frozenset(), "alert"), SECOND, 3600 * SECOND, ("oncall",))))
    watched.call((200, WHOLE))
    watched.looks(3)
    assert watched.runtime.said == ["alert fallback.alerts[0] cannot be evaluated, so it does not fire: it costs too much"]
    broken = False
    watched.looks(1)
    broken = True
    watched.looks(1)
    assert len(watched.runtime.said) == 2
    sampled = {one.metric: one.numbers for one in watched.runtime.alerting.sampled()}
    assert sampled[m.ALERT_FAILURES] == {("fallback.alerts[0]",): 4}


def test_what_is_measured() -> None:
    watched = Watched(policy(alert("calls >= 1", 5)))
    watched.call((401, refused()), (200, ANTHROPIC_WHOLE))
    watched.looks(7)
    sampled = {one.metric: one.numbers for one in watched.runtime.alerting.sampled()}
    assert sampled[m.ALERTS_FIRING] == {
        ("fallback.alerts[0]",): 1,
        ("credential_refused",): 1,
        ("quota_exhausted",): 0,
        ("provider_overrun",): 0,
        ("confidence_missing",): 0,
        ("store_away",): 0,
    }
    assert sampled[m.MESSAGES] == {("oncall", "delivered"): 2}
    assert sampled[m.MESSAGES_WAITING] == {("oncall",): 0}


def restarted(watched: Watched, made: Snapshot) -> Watched:
    """Another process on the same store."""
    after = Watched(made)
    after.runtime = Runtime(made, FakeSecrets(HOOK_SECRET=SECRET), store=watched.runtime.store)
    asyncio.run(after.runtime.alerting.recall())
    return after


def test_a_restart_repeats_nothing_and_ends_what_is_over() -> None:
    made = policy(alert("activation_rate > 0.4 && calls >= 4", 30))
    watched = Watched(made)
    for _ in range(6):
        watched.call(*FELL_BACK)
    watched.looks(15)
    after = restarted(watched, made)
    after.looks(2)
    assert (after.told, [line.phase for line in after.runtime.alerting.lines()]) == ([], ["firing"])
    after.looks(100)
    assert [one["type"] for one in after.told] == ["alert.resolved"]
    assert after.told[0]["data"]["group"][0]["since"] == watched.told[0]["data"]["group"][0]["since"]
    last = restarted(after, made)
    last.looks(2)
    assert (last.told, last.runtime.alerting.lines()) == ([], [])


def test_what_was_not_delivered_is_after_a_restart() -> None:
    made = policy(alert("calls > 9000"))
    watched = Watched(made)
    watched.call((401, refused()), (200, ANTHROPIC_WHOLE))
    watched.runtime.later(SECOND)
    watched.look()
    sent = watched.runtime.last
    after = restarted(watched, made)
    after.look()
    assert after.runtime.last.path == "/hook"
    assert after.runtime.last.headers["webhook-id"] == sent.headers["webhook-id"]
    assert after.runtime.last.body == sent.body


def test_a_store_that_is_away_holds_nothing_up_and_is_said_once() -> None:
    watched = Watched(policy(alert("calls > 9000")))
    watched.runtime.store.away = True
    asyncio.run(watched.runtime.alerting.recall())
    watched.call((401, refused()), (200, ANTHROPIC_WHOLE))
    watched.looks(3)
    assert [one["data"]["alert"] for one in watched.told] == ["credential_refused"]
    assert [line.split(",")[0] for line in watched.runtime.said if "stored" in line or "before this start" in line] == [
        "what was told of alerts before this start cannot be read",
        "what is told of alerts and reviews cannot be stored",
    ]
    watched.runtime.store.away = False
    watched.looks(1)
    assert asyncio.run(watched.runtime.store.alerting()) is not None


def test_a_memory_that_cannot_be_read_is_none() -> None:
    watched = Watched(policy())
    asyncio.run(watched.runtime.store.keep_alerting(b"nonsense"))
    asyncio.run(watched.runtime.alerting.recall())
    assert "cannot be read" in watched.runtime.said[0]


def test_many_members_are_cut_and_counted() -> None:
    providers = {f"p{number}": msgspec.structs.replace(policy().providers["openai"], name=f"p{number}") for number in range(130)}
    watched = Watched(policy(alert("calls >= 1", 5), providers=providers))
    for name in providers:
        watched.runtime.carrier.counting.tallies.routed("default", name)
    watched.looks(7)
    data = watched.told[0]["data"]
    assert (len(data["group"]), data["more"]) == (100, 30)
    assert data["text"].endswith("; and 127 more.")
    assert len(json.dumps(data)) < 20_000


def test_a_defect_at_one_look_does_not_end_the_looking() -> None:
    watched = Watched(policy())
    watched.runtime.policies.current = None  # type: ignore[assignment]  # any defect will do

    async def run() -> None:
        task = asyncio.get_running_loop().create_task(watched.runtime.alerting.run())
        while not watched.runtime.said:
            await asyncio.sleep(0.01)
        assert not task.done()
        task.cancel()

    asyncio.run(run())
    assert "the look at alerts failed" in watched.runtime.said[0]
