"""A primary that breaks and comes back, and chains by condition: over real sockets, as callers, the ledger and operators see it."""

import time
from typing import Any

from tests.e2e.conftest import Serve
from tests.support.outside import of_kind
from tests.support.policies import three_tiers
from tests.support.serving import TOKEN, Serving, _ask

from orchvynt.testing.scripted import ScriptedProvider

BREAKER = "  breaker: {window: 10s, min_calls: 4, open_for: 1s, probes: 2}"
PATIENCE_S = 30.0


def routes(server: Serving) -> dict[str, dict[str, object]]:
    return {item["model"]: item for item in server.admin("/providers").json["items"]}


def metrics(server: Serving) -> list[str]:
    return _ask(server.admin_port, "/metrics", None, {"authorization": f"Bearer {TOKEN}"}, 20.0, "").body.decode().split("\n")


def texts(explained: Any, kind: str) -> list[str]:
    return [entry["text"] for entry in explained["timeline"] if entry["kind"] == kind]


def answered_by(server: Serving) -> str:
    reply = server.chat()
    assert reply.status == 200, reply.body
    return reply.headers["x-orchvynt-model"]


def test_a_broken_primary_is_left_alone_shown_and_taken_back(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, fallback=BREAKER))
    scripted_provider.fault("openai", {"status": 503})
    while routes(server)["gpt-4o"]["breaker"] == "closed":
        assert answered_by(server) == "claude"
    arrived = scripted_provider.ledger().where(provider="openai").totals.arrivals
    reply = server.chat()
    # On a machine that stood still for a second it is half-open by now.
    if routes(server)["gpt-4o"]["breaker"] == "open":
        assert scripted_provider.ledger().where(provider="openai").totals.arrivals == arrived, "nothing reaches it any more"
        route = routes(server)["gpt-4o"]
        assert (route["state"], route["why"], route["breaker_error_rate"]) == ("resting", "breaker", 1.0)
        assert route["breaker_until"]
        told = server.explain(reply.headers["x-orchvynt-invocation"])
        assert texts(told, "candidate_skipped")[0].startswith("tier 1: the breaker of gpt-4o was open, for ")
        assert told["verdict"].startswith("Asked gpt-4o; got claude, because the breaker of gpt-4o was open; ")
    scripted_provider.fault("openai", None)
    until = time.monotonic() + PATIENCE_S
    while answered_by(server) != "gpt-4o" or routes(server)["gpt-4o"]["breaker"] != "closed":
        assert time.monotonic() < until, routes(server)
        time.sleep(0.05)
    shown = metrics(server)
    assert 'orchvynt_breaker_state{model="gpt-4o",provider="openai"} 0.0' in shown
    assert 'orchvynt_address_breaker_state{provider="openai"} 0.0' in shown
    opened = next(line for line in shown if line.startswith('orchvynt_breaker_opened_total{model="gpt-4o"'))
    assert float(opened.split()[1]) >= 1
    assert "gpt-4o" in server.command("providers").stdout


def test_another_chain_serves_another_workflow(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    uses = "  use: [{when: 'workflow == \"triage\"', chain: short}, {when: 'context.amount + 1 > 0', chain: short}]"
    policy = three_tiers(scripted_provider, fallback=uses).replace(
        "chains: {default:", "chains: {short: {tiers: [local], triggers: [status_503]}, default:"
    )
    server = serve(policy)
    scripted_provider.fault("openai", {"status": 503})
    assert answered_by(server) == "claude"
    reply = server.chat(headers={"x-orchvynt-workflow": "triage"})
    assert reply.headers["x-orchvynt-model"] == "local"
    told = server.explain(reply.headers["x-orchvynt-invocation"])
    assert (told["chain"], of_kind(told, "fallback_activated")[0]["trigger"]) == ("short", "status_503")
    other = server.explain(server.chat().headers["x-orchvynt-invocation"])
    assert other["chain"] == "default"
    assert "a chain's condition failed, so it did not match: context.amount + 1 > 0" in texts(other, "routed")[0]
