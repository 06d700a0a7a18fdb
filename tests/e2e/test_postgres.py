"""`serve` with its state in PostgreSQL: nothing is lost by a kill, nor by a server that goes away and comes back."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.away import at_last, caught_up, outage
from tests.support.policies import three_tiers
from tests.support.postgres import Server
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

BUDGET = "budgets: [{name: all, scope: global, limit: {tokens: 100000}, on_breach: reject}]"


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    place = postgres.fresh()
    yield place
    postgres.give_back(place)


@pytest.fixture
def server(url: str, tmp_path: Path, scripted_provider: ScriptedProvider) -> Iterator[Serving]:
    place = url.replace("postgres@", "postgres:planted-password@")
    with Serving(tmp_path, three_tiers(scripted_provider, BUDGET), arguments=("--store", place)) as running:
        yield running
        assert "planted-password" not in running.log


def settled_tokens(server: Serving) -> int:
    line = server.admin("/budgets").json["items"][0]
    assert line["held_tokens"] == 0
    return int(line["settled_tokens"])


def test_a_kill_loses_nothing_and_a_stop_leaves_the_store_to_the_next_one(
    server: Serving, url: str, tmp_path: Path, scripted_provider: ScriptedProvider
) -> None:
    for _ in range(5):
        assert server.chat().status == 200
    last = server.chat().headers["x-orchvynt-invocation"]
    server.kill()
    server.start()
    assert settled_tokens(server) == scripted_provider.ledger().totals.tokens
    assert server.explain(last)["outcome"] == "answered"
    assert server.chat().status == 200
    assert server.command("audit", "verify").returncode == 0
    assert server.stop() == 0

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    token = (tmp_path / "orchvynt.admin-token").exists()
    assert not token, "the test brings its own"
    with Serving(elsewhere, three_tiers(scripted_provider, BUDGET), arguments=("--store", url)) as other:
        assert settled_tokens(other) == scripted_provider.ledger().totals.tokens
        other.kill()
    server.start()
    assert server.chat().status == 200, "what the dead one had leased counts as spent, and there is more"
    assert settled_tokens(server) == scripted_provider.ledger().totals.tokens
    assert server.stop() == 0


def test_while_the_server_is_away_agents_are_served_and_operators_are_told(
    server: Serving, postgres: Server, scripted_provider: ScriptedProvider
) -> None:
    assert server.chat().status == 200
    secret = server.admin("/tokens", {"name": "ana", "role": "admin"}).json["secret"]
    assert server.admin("/status", token=secret).status == 200
    postgres.stop("immediate")
    try:
        assert server.chat().status == 200, "the journal has it"
        reply = server.admin("/invocations")
        assert reply.status == 503
        assert "postgresql://postgres@127.0.0.1" in reply.body.decode()
        assert "it cannot be reached" in at_last(lambda: outage(server), bool, "the outage is noticed")
        assert server.admin("/status", token=secret).status == 200, "a token that was known looks on"
        assert server.admin("/tokens", {"name": "ben", "role": "viewer"}, token=secret).status == 503
        assert server.admin("/status", token="ovt-nobody").status == 401
        assert server.ask("/health/ready").json["store"] == "away"
    finally:
        postgres.start()
    caught_up(server)
    assert len(server.admin("/invocations").json["items"]) == 2
    assert settled_tokens(server) == scripted_provider.ledger().totals.tokens


def test_a_budget_is_spent_by_several_processes(server: Serving, url: str, tmp_path: Path, scripted_provider: ScriptedProvider) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with Serving(elsewhere, three_tiers(scripted_provider, BUDGET), arguments=("--store", url)) as other:
        for _ in range(3):
            assert server.chat().status == other.chat().status == 200
        total = scripted_provider.ledger().totals.tokens
        assert settled_tokens(server) == settled_tokens(other) == total
        assert other.stop() == 0
    migrated = server.command_alone("migrate", "--store", url)
    assert (migrated.returncode, migrated.stdout) == (1, "")
    refused = server.command_alone("migrate", "--store", url, "--json")
    assert json.loads(refused.stdout)["error"]["message"] in refused.stderr
    printed = server.command_alone("migrate", "--store", url, "--print", "--json")
    said = json.loads(printed.stdout)
    assert (said["steps"], said["done"], said["script"]) == ([], False, "-- Nothing is to be done.\n")
    printed = server.command_alone("migrate", "--store", url, "--print")
    assert (printed.returncode, printed.stdout) == (0, "-- Nothing is to be done.\n")
    assert server.command_alone("migrate", "--store", "sqlite:///o.db").returncode == 2
