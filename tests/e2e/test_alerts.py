"""Alerts from end to end: an outage is told, signed, and so is its end; a receiver that is away loses nothing and holds up nobody."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from tests.e2e.conftest import Serve
from tests.support.outside import chat
from tests.support.policies import three_tiers
from tests.support.serving import TOKEN, Serving, _ask
from tests.support.webhooks import WAIT_S_MAX, Receiver

from orchvynt.testing.scripted import ScriptedProvider


def policy(provider: ScriptedProvider, port: int, when: str = "calls > 9000", window: str = "1s") -> str:
    hook = f'notify: {{oncall: {{webhook: "http://127.0.0.1:{port}/hook", secret: "${{env:HOOK_SECRET}}"}}}}\n'
    return three_tiers(provider, hook, f"  alerts: [{{when: '{when}', window: {window}, notify: [oncall]}}]")


def samples(server: Serving) -> dict[tuple[str, tuple[str, ...]], float]:
    page = _ask(server.admin_port, "/metrics", None, {"authorization": f"Bearer {TOKEN}"}, 20.0, "").body.decode()
    found = [
        sample
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if "alert" in sample.name or "messages" in sample.name
    ]
    return {(sample.name, tuple(sample.labels.values())): sample.value for sample in found}


@contextmanager
def calls_coming(server: Serving) -> Iterator[list[int]]:
    """While it is open, somebody calls without a pause: an alert that holds goes on to hold. Gives the statuses so far."""
    statuses: list[int] = []
    over = threading.Event()

    def call() -> None:
        while not over.is_set():
            statuses.append(chat(server, "gpt-4o").status)

    thread = threading.Thread(target=call)
    thread.start()
    try:
        yield statuses
    finally:
        over.set()
        thread.join()


def wait_in_log(server: Serving, text: str) -> None:
    until = time.monotonic() + WAIT_S_MAX
    while text not in server.log and time.monotonic() < until:
        time.sleep(0.02)
    assert text in server.log


def test_an_outage_and_its_end_are_told(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    with Receiver() as receiver:
        server = serve(policy(scripted_provider, receiver.port, "activation_rate > 0.5", window="4s"))
        assert server.admin("/alerts").json == {"items": [], "next": None}
        scripted_provider.fault("openai", {"status": 500})
        with calls_coming(server) as statuses:
            told = receiver.wait_for(1)
            (item,) = server.admin("/alerts").json["items"]
            assert (item["alert"], item["state"], item["provider"], item["notify"]) == (
                "fallback.alerts[0]", "firing", "openai", ["oncall"],
            )  # fmt: skip
            assert "firing: activation_rate > 0.5: chain default used in" in server.command("status").stdout
            assert server.admin("/status").json["alerts"][0]["alert"] == "fallback.alerts[0]"
            assert samples(server)["orchvynt_alerts_firing", ("fallback.alerts[0]",)] == 1
            _is_right(told, server)
        assert set(statuses) == {200}
        scripted_provider.fault("openai", None)
        over = receiver.wait_for(2)
        assert (over["type"], over["data"]["status"]) == ("alert.resolved", "resolved")
        assert over["data"]["group"][0]["provider"] == "openai"
        assert server.admin("/alerts").json["items"] == []
        assert samples(server)["orchvynt_messages_total", ("oncall", "delivered")] == 2
    assert len(receiver.taken) == len(set(receiver.ids)) == 2
    assert server.log.count("orchvynt: alert firing: `activation_rate > 0.5` holds") == 1
    assert server.log.count("orchvynt: alert resolved: `activation_rate > 0.5` no longer holds") == 1


def _is_right(told: dict[str, Any], server: Serving) -> None:
    data = told["data"]
    assert (told["type"], data["status"], data["repeated"], data["policy_version"]) == ("alert.firing", "firing", False, 1)
    (member,) = data["group"]
    assert (member["chain"], member["provider"]) == ("default", "openai")
    assert member["activation_rate"] > 0.5
    assert server.explain(member["invocation"])["invocation"] == member["invocation"]
    assert data["next"] == "orchvynt providers"


def test_a_receiver_that_is_away_loses_nothing_and_holds_up_nobody(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    """Not even over `kill -9`. It comes back with a redirect first: nobody goes there, and the message comes again."""
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    server = serve(policy(scripted_provider, port))
    scripted_provider.fault("openai", {"status": 401})
    scripted_provider.fault("anthropic", {"status": 402})
    assert chat(server, "gpt-4o").status == 200
    wait_in_log(server, "was not taken by oncall")
    for _ in range(5):
        assert chat(server, "gpt-4o").status == 200
    assert samples(server)["orchvynt_messages_waiting", ("oncall",)] == 2
    # A third failure is of a later look, and what an earlier one told is stored by then.
    until = time.monotonic() + WAIT_S_MAX
    while samples(server)["orchvynt_messages_total", ("oncall", "failed")] < 3 and time.monotonic() < until:
        time.sleep(0.05)
    server.kill()
    server.start()
    with Receiver(port, (307, 500)) as receiver:
        receiver.wait_for(2)
        assert {one["data"]["alert"]: one["data"]["group"][0]["provider"] for one in receiver.taken} == {
            "credential_refused": "openai",
            "quota_exhausted": "anthropic",
        }
    assert set(receiver.paths) == {"/hook"}
    assert len(set(receiver.ids)) == 2
    assert len(receiver.ids) == 4
    assert server.log.count("orchvynt: alert firing: ") == 2, "not again after the restart"
    assert len(server.admin("/alerts").json["items"]) == 2
    assert chat(server, "gpt-4o").status == 200


def test_a_new_webhook_needs_an_admin_and_a_secret_that_is_here(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider))
    operator = server.admin("/tokens", {"name": "op", "role": "operator"}).json["secret"]
    text = policy(scripted_provider, 9)
    refused = server.admin("/policies", {"yaml": text, "message": "m"}, token=operator)
    assert (refused.status, refused.json["error"]["code"]) == (403, "forbidden")
    assert "destination oncall: new address http://127.0.0.1:9/hook" in refused.json["error"]["message"]
    unknown = server.admin("/policies", {"yaml": text.replace("HOOK_SECRET", "NO_SUCH_SECRET"), "message": "m"})
    assert (unknown.status, unknown.json["error"]["code"]) == (422, "policy_invalid")
    assert server.admin("/policies", {"yaml": text, "message": "m"}).status == 200
    assert server.admin("/policies", {"yaml": text.replace("/hook", "/other"), "message": "m"}, token=operator).status == 200
