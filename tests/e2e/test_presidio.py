"""Presidio over real sockets: what it finds parks an answer, and a server without it, or its model, says what to install."""

import importlib.util
import json

import pytest
from tests.e2e.conftest import Serve
from tests.support.policies import GROUPS, three_tiers
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

HAS_LIBRARY = importlib.util.find_spec("presidio_analyzer") is not None
PASSPORT = "my passport number is 912803456"
# Generous: the library is loaded on a busy machine, and what waits for that is not bounded by `within`.
TERMS = "presidio: {within: 60s}\n"


def gate(more: str = "wait: {up_to: 0s}", kind: str = "US_PASSPORT") -> str:
    asks = f'detects("presidio:{kind}")'
    return f"gates: [{{name: passports, stage: output, when: '{asks}', reviewers: people, {more}}}]\n{GROUPS}"


@pytest.mark.skipif(not HAS_LIBRARY, reason="the extra is not installed: pip install '.[presidio]'")
def test_what_it_finds_is_parked_and_the_rest_goes_out(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    found = {"match": {"last_user": {"contains": "which"}}, "text": PASSPORT}
    scripted_provider.script({"answers": [found], "otherwise": {"text": "none"}})
    server = serve(three_tiers(scripted_provider, TERMS + gate()))
    for stream in (False, True):
        assert server.chat("any", stream=stream).status == 200
        held = server.chat(f"which {stream}", stream=stream)
        assert (held.status, held.json["error"]["code"]) == (409, "hitl_pending")
    told = json.dumps(server.explain(held.json["error"]["review_id"]))
    assert '"output.detected.presidio:US_PASSPORT": 1' in told
    assert "912803456" not in told


@pytest.mark.skipif(not HAS_LIBRARY, reason="the extra is not installed: pip install '.[presidio]'")
def test_a_server_without_the_model_says_so(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"text": "hi"}]})
    server = serve(three_tiers(scripted_provider))
    assert "nonesuch_model, which is not installed here" in refusal(server, "presidio: {model: nonesuch_model}\n" + gate(kind="PERSON"))


@pytest.mark.skipif(HAS_LIBRARY, reason="the extra is installed")
def test_a_server_without_it_says_what_to_install(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"text": "hi"}]})
    server = serve(three_tiers(scripted_provider))
    assert "pip install 'orchvynt[presidio]'" in refusal(server, gate())


def refusal(server: Serving, sections: str) -> str:
    policy = server.command("policy", "pull").stdout
    reply = server.admin("/policies", {"yaml": policy + "\n" + sections, "message": "ask Presidio"})
    assert reply.status >= 400
    return str(reply.json)
