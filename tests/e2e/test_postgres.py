"""`serve` with its state in PostgreSQL: nothing is lost by a kill, nor by a server that goes away and comes back."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
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
    refused = server.command_alone("serve", "--policy", str(server.policy), "--store", url, "--listen", "127.0.0.1:0")
    assert refused.returncode == 2
    assert "did not come to its end" in refused.stderr
    assert str(elsewhere / "orchvynt.journal") in refused.stderr


def test_while_the_server_is_away_agents_are_served_and_operators_are_told(
    server: Serving, postgres: Server, scripted_provider: ScriptedProvider
) -> None:
    assert server.chat().status == 200
    postgres.stop("immediate")
    try:
        assert server.chat().status == 200, "the journal has it"
        reply = server.admin("/invocations")
        assert reply.status == 503
        assert "postgresql://postgres@127.0.0.1" in reply.body.decode()
    finally:
        postgres.start()
    until = time.monotonic() + 60
    while server.admin("/invocations").status == 503 or len(server.admin("/invocations").json["items"]) < 2:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert settled_tokens(server) == scripted_provider.ledger().totals.tokens


def test_a_budget_is_counted_by_one_process(server: Serving, url: str, tmp_path: Path) -> None:
    refused = server.command_alone(
        "serve", "--policy", str(server.policy), "--store", url, "--journal", str(tmp_path / "other"), "--listen", "127.0.0.1:0"
    )
    assert refused.returncode == 2
    assert f":{server.process.pid if server.process else 0}" in refused.stderr
    assert "its budget all several processes do not keep right together yet" in refused.stderr
    migrated = server.command_alone("migrate", "--store", url)
    assert (migrated.returncode, migrated.stdout) == (1, "")
    printed = server.command_alone("migrate", "--store", url, "--print")
    assert (printed.returncode, printed.stdout) == (0, "-- Nothing is to be done.\n")
    assert server.command_alone("migrate", "--store", "sqlite:///o.db").returncode == 2
