"""Live control: faults by provider and by count, scripts, own addresses, refused connections, the ledger over HTTP."""

import http.client
import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.scripted.wire_client import ask, send

from orchvynt.testing.scripted import ScriptedProvider, ScriptedProviderError


def status(provider: ScriptedProvider, name: str) -> int:
    return send(provider.url, f"/p/{name}/v1/chat/completions", ask("openai")).status


def call(provider: ScriptedProvider, method: str, path: str, body: bytes | None = None) -> tuple[int, dict[str, Any]]:
    address = urlsplit(provider.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=10)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_faults_are_apart_by_provider_and_end_after_their_times(provider: ScriptedProvider) -> None:
    provider.fault("a", {"status": 500}, times=2)
    provider.fault("*", {"status": 503})
    assert [status(provider, name) for name in ("a", "b", "a", "a")] == [500, 503, 500, 503]
    provider.fault("*", None)
    assert status(provider, "a") == 200


def test_a_live_fault_wins_and_clear_takes_it_away(provider: ScriptedProvider) -> None:
    provider.script({"answers": [{"fault": {"status": 418}}], "faults": {"b": {"status": 500}}})
    provider.fault("a", {"status": 503})
    assert [status(provider, name) for name in ("a", "b", "c")] == [503, 500, 418]
    provider.clear()
    assert [status(provider, name) for name in ("a", "b", "c")] == [200, 200, 200]


@pytest.mark.parametrize("fault", [{"status": 200}, {"nonsense": 1}, {"silent": True, "times": 0}, {"silent": True, "times": "x"}, [1], 5])
def test_a_wrong_fault_is_refused_and_sets_nothing(provider: ScriptedProvider, fault: Any) -> None:
    code, body = call(provider, "PUT", "/__script/faults/a", json.dumps(fault).encode())
    assert code == 400
    assert body["error"]["message"]
    assert call(provider, "GET", "/__script/faults") == (200, {})


def test_a_wrong_script_is_refused_with_its_position_and_the_old_one_stays(provider: ScriptedProvider) -> None:
    provider.script("otherwise: {text: old}")
    with pytest.raises(ScriptedProviderError, match=r"^script:1:13: `txet` is not a field here; did you mean `text`\?$"):
        provider.script("otherwise: {txet: new}")
    seen = send(provider.url, "/v1/chat/completions", ask("openai"))
    assert json.loads(seen.body)["choices"][0]["message"]["content"] == "old"


def test_the_ledger_and_the_arrivals_over_http(provider: ScriptedProvider) -> None:
    last = provider.ledger().last
    send(provider.url, "/p/a/v1/chat/completions", ask("openai", said="look at me"), key="sk-hidden")
    code, body = call(provider, "GET", f"/__script/ledger?since={last}")
    assert (code, body["next"]) == (200, None)
    assert [("billed" in line, line["n"]) for line in body["items"]] == [(False, last + 1), (True, last + 1)]
    assert body["items"][0]["last_user"] == "look at me"
    (arrived,) = provider.arrivals(since=last)
    assert json.loads(arrived["body"])["messages"][0]["content"] == "look at me"
    assert arrived["headers"]["authorization"].startswith("sha256:")
    assert "sk-hidden" not in json.dumps(arrived)


def test_an_unknown_control_call_is_a_404_and_a_wrong_since_a_400(provider: ScriptedProvider) -> None:
    assert call(provider, "POST", "/__script/nothing")[0] == 404
    assert call(provider, "GET", "/__script/ledger?since=x")[0] == 400
    assert call(provider, "PUT", "/__script/faults/", b"null")[0] == 400


def refused(url: str) -> bool:
    address = urlsplit(url)
    try:
        socket.create_connection((address.hostname, address.port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def test_the_whole_server_refuses_connections_and_opens_again(provider: ScriptedProvider) -> None:
    address = urlsplit(provider.url)
    with socket.create_connection((address.hostname, address.port), timeout=5) as kept:
        provider.fault("*", "refuse_connections")
        assert refused(provider.url)
        with pytest.raises(ConnectionResetError):
            kept.recv(1)
    provider.fault("*", None)
    assert status(provider, "a") == 200


def test_one_provider_refuses_at_its_own_address_only(provider: ScriptedProvider) -> None:
    own = provider.own_url("a").removesuffix("/v1")
    assert provider.own_url("a") == f"{own}/v1"
    last = provider.ledger().last
    assert send(own, "/v1/chat/completions", ask("openai")).status == 200
    assert provider.ledger().where(since=last).arrivals[0].provider == "a"
    provider.fault("a", "refuse_connections")
    assert refused(own)
    assert status(provider, "b") == 200
    assert send(provider.url, "/p/a/v1/chat/completions", ask("openai")).ended == "reset"
    assert provider.ledger().where(since=last, provider="a").totals.arrivals == 1
    provider.clear()
    assert send(own, "/v1/chat/completions", ask("openai")).status == 200
