"""The policy's `outage` section on a real server: what is served while the store is away, what is closed, who is told, and what is there
when it is back."""

import resource
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing as closing_file
from contextlib import contextmanager

import pytest
from tests.e2e.conftest import Serve
from tests.support.auditing import Auditor
from tests.support.away import at_last, caught_up, outage, refused
from tests.support.outside import locked
from tests.support.policies import gate, three_tiers
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

pytestmark = pytest.mark.timeout(300)  # seconds, and minutes where others build beside it

BUDGET = "budgets: [{name: all, scope: global, when: 'workload != \"free\"', limit: {tokens: 100000}, on_breach: reject}]\n"
REVIEW = {"x-orchvynt-flags": "review"}
FREE = {"x-orchvynt-workload": "free"}


def closing(after: str, buffer: int = 10_000) -> str:
    return f"outage: {{budgets: {{closed_after: {after}}}, journal: {{buffer: {buffer}}}}}\n"


@contextmanager
def no_file_over(server: Serving, most: int) -> Iterator[None]:
    """No file of the server's takes a byte beyond that size: what a full disk does to those that grow."""
    assert server.process is not None
    pid = server.process.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))


def grown(server: Serving, pattern: str) -> int:
    return sum(file.stat().st_size for file in server.folder.glob(pattern))


def away(server: Serving) -> str:
    return at_last(lambda: outage(server), bool, "the outage is noticed")


def test_budgets_close_in_time_and_what_no_budget_applies_to_goes_on(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, BUDGET + closing("3s")))
    assert server.chat().status == 200
    with locked(server):
        assert server.chat().status == 200, "budgets are spent from memory and journal"
        assert "another process has locked it" in away(server)
        error = refused(at_last(server.chat, lambda reply: reply.status != 200, "budgets close"))
        assert "budgets are closed" in error["message"]
        sent = scripted_provider.ledger().totals.arrivals
        refused(server.chat())
        assert scripted_provider.ledger().totals.arrivals == sent, "nothing is sent unmetered"
        assert server.chat(headers=FREE).status == 200
        ready = server.ask("/health/ready")
        assert (ready.status, ready.json["status"], ready.json["store"]) == (503, "store_unavailable", "away")
        assert server.ask("/health/live").status == 200
    caught_up(server)
    assert server.chat().status == 200
    assert server.ask("/health/ready").status == 200
    assert len(server.admin("/invocations?limit=500").json["items"]) > 5, "refusals for closed budgets are on record, too"


def test_what_a_gate_holds_is_refused_and_nothing_of_it_is_delivered(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, BUDGET + gate(up_to="0s") + closing("1h")))
    parked = server.chat(headers=REVIEW)
    assert parked.status == 409
    with locked(server):
        assert server.chat("what no gate holds").status == 200
        away(server)
        error = refused(server.chat("another", headers=REVIEW))
        assert "gate reviewed" in error["message"]
        ready = server.ask("/health/ready")
        assert (ready.status, ready.json["status"], ready.json["store"]) == (200, "ready", "away"), "budgets may be spent"
        assert server.chat("what no gate holds").status == 200
    caught_up(server)
    (review,) = server.admin("/reviews").json["items"]
    assert review["invocation"] == parked.headers["x-orchvynt-invocation"], "what was parked before stays so"
    assert server.admin(f"/reviews/{review['review']}/decisions", {"decision": "approve", "reason": "fine"}).status == 200
    assert server.chat(headers=REVIEW).status == 200


def test_a_full_buffer_lets_no_more_begin(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, closing("1h", buffer=5)))
    with locked(server):
        assert server.chat().status == 200
        away(server)
        replies = [server.chat() for _ in range(8)]
        assert [reply.status for reply in replies] == [200] * 4 + [503] * 4
        assert "5 invocations" in refused(replies[-1])["message"]
        assert server.ask("/health/ready").status == 503
    caught_up(server)
    assert server.chat().status == 200
    assert len(server.admin("/invocations").json["items"]) == 6, "what was refused so early is no invocation"


def test_operators_are_told_why_and_never_wait_for_long(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, BUDGET + closing("1s")))
    with locked(server):
        assert server.chat().status == 200
        assert "budgets are closed" in at_last(lambda: outage(server), lambda said: "are closed" in said, "budgets close")
        firing = at_last(
            lambda: server.admin("/status").json["alerts"], lambda alerts: any(one["alert"] == "store_away" for one in alerts), "the alert"
        )
        assert any("another process has locked it" in one["spent"] for one in firing)
        for path in ("/invocations", "/invocations/last"):
            began = time.monotonic()
            reply = server.admin(path)
            assert reply.status == 503, reply.body
            assert reply.json["error"]["code"] == "store_unavailable"
            assert time.monotonic() - began < 30
        said = server.command("status")
        assert said.returncode == 0
        assert "the store is away" in said.stdout.lower() or "has been away" in said.stdout
        issued = server.admin("/tokens", {"name": "x", "role": "viewer"})
        assert issued.status == 503
    caught_up(server)
    assert "alert firing: The store has been away" in server.log
    at_last(lambda: server.log, lambda log: "alert resolved: The store is back" in log, "its end is told")


def test_a_kill_while_the_store_is_away_loses_nothing(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, BUDGET + closing("1h")))
    with locked(server):
        last = [server.chat() for _ in range(5)][-1]
        away(server)
        server.kill()
    server.start()
    assert server.explain(last.headers["x-orchvynt-invocation"])["outcome"] == "answered"
    Auditor(server, scripted_provider).audit()


def test_a_full_disk_below_the_store_is_an_outage_like_any_other(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, BUDGET + closing("1s")))
    for _ in range(4):
        assert server.chat().status == 200
        assert server.admin("/invocations").status == 200
    journal = grown(server, "*.journal/*.facts")
    with no_file_over(server, 4 * journal + 40_000):
        assert grown(server, "orchvynt.db-wal") > 4 * journal + 40_000, "the next commit does not fit"
        assert server.chat().status == 200, "the journal has it"
        away(server)
        error = refused(at_last(server.chat, lambda reply: reply.status != 200, "budgets close"))
        assert "disk" in error["message"]
        assert server.chat(headers=FREE).status == 200
    caught_up(server)
    assert server.chat().status == 200
    server.stop()
    with closing_file(sqlite3.connect(server.folder / "orchvynt.db")) as store:
        assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert len({one.client_request_id for one in scripted_provider.ledger().arrivals}) >= 7


def test_a_full_disk_below_the_journal_sends_nothing(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, BUDGET + closing("1h")))
    assert server.chat().status == 200
    with no_file_over(server, 1):
        arrived = scripted_provider.ledger().totals.arrivals
        for headers in ({}, FREE):
            assert "cannot be written" in refused(server.chat(headers=headers))["message"]
        assert scripted_provider.ledger().totals.arrivals == arrived
        assert server.ask("/health/live").status == 200
        at_last(lambda: server.ask("/health/ready"), lambda reply: reply.status == 503, "who sends nothing is not ready")
    at_last(server.chat, lambda reply: reply.status == 200, "there is room again")
    at_last(lambda: server.ask("/health/ready"), lambda reply: reply.status == 200, "it is ready again")
    caught_up(server)
    Auditor(server, scripted_provider).audit()
