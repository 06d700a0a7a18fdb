"""Three `serve` on one PostgreSQL, and three workers on one SQLite: what one of them is told holds at all of them."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tests.e2e.test_review import FLAGGED, decide, open_review
from tests.support.policies import gate, three_tiers
from tests.support.postgres import Server
from tests.support.serving import Serving
from tests.support.workers import Working

from orchvynt.testing.scripted import ScriptedProvider

T = TypeVar("T")

REPLICAS = 3
KEYS = "keys: [{name: agents}]\n"


@pytest.fixture
def replicas(postgres: Server, tmp_path: Path, scripted_provider: ScriptedProvider) -> Iterator[list[Serving]]:
    url = postgres.fresh()
    with ExitStack() as over:
        over.callback(postgres.give_back, url)
        made = []
        for number in range(REPLICAS):
            folder = tmp_path / f"replica{number}"
            folder.mkdir()
            made.append(over.enter_context(Serving(folder, three_tiers(scripted_provider, gate()), arguments=("--store", url))))
        yield made


def until(look: Callable[[], T | None]) -> T:
    end = time.monotonic() + 40
    while True:
        if found := look():
            return found
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def apply(server: Serving, text: str, why: str = "tests") -> Any:
    done = server.admin("/policies", {"yaml": text, "message": why})
    assert done.status == 200, done.body
    return done.json


def test_a_policy_its_keys_and_its_records_are_the_same_at_all(replicas: list[Serving], scripted_provider: ScriptedProvider) -> None:
    first, second, third = replicas
    text = three_tiers(scripted_provider, gate() + KEYS)
    done = apply(second, text)
    assert [one["version"] for one in done["replicas"]] == [done["version"]] * REPLICAS
    assert [server.admin("/status").json["policy_version"] for server in replicas] == [done["version"]] * REPLICAS
    assert {server.chat().status for server in replicas} == {401}, "live at all of them when it returned"
    secret = first.admin("/keys", {"name": "agents"}).json["secret"]
    mine = {"authorization": f"Bearer {secret}"}
    until(lambda: all(server.chat(headers=mine).status == 200 for server in replicas))
    told = third.chat(headers=mine)
    # At once: the question asks for what the other has not filed.
    assert first.explain(told.headers["x-orchvynt-invocation"])["outcome"] == "answered"
    before = scripted_provider.ledger().totals.arrivals
    once = {**mine, "idempotency-key": "k-1"}
    with ThreadPoolExecutor(30) as pool:
        replies = list(pool.map(lambda number: replicas[number % REPLICAS].chat("once", once), range(30)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body for reply in replies}) == 1
    assert scripted_provider.ledger().totals.arrivals == before + 1
    assert third.chat("another", once).status == 422
    assert second.admin("/keys/agents", method="DELETE").status == 200
    until(lambda: all(server.chat(headers=mine).status == 401 for server in replicas))
    back = third.admin("/policies/1/rollback", {"message": "back"})
    assert [one["version"] for one in back.json["replicas"]] == [done["version"] + 1] * REPLICAS
    assert {server.chat().status for server in replicas} == {200}


def test_reviews_are_decided_joined_and_read_from_anywhere_and_outlive_who_parked_them(
    replicas: list[Serving], scripted_provider: ScriptedProvider
) -> None:
    first, second, third = replicas
    with ThreadPoolExecutor(16) as pool:
        held = pool.submit(first.chat, "held", FLAGGED)
        review = open_review(third)["review"]
        votes = list(pool.map(lambda number: decide(replicas[number % REPLICAS], review, reason=f"looked {number}"), range(12)))
        assert sorted(vote.status for vote in votes) == [200] + [409] * 11
        answer = held.result(timeout=30)
        assert answer.status == 200
        # A caller who is told to come back does so elsewhere; whoever parked its answer is killed meanwhile, and comes back, too.
        apply(second, three_tiers(scripted_provider, gate("1s")))
        parked = first.chat("parked", FLAGGED)
        assert parked.status == 409
        inv, arrivals = parked.headers["x-orchvynt-invocation"], scripted_provider.ledger().totals.arrivals
        assert second.ask(f"/v1/invocations/{inv}/result", headers=FLAGGED).status == 409
        first.kill()
        polls = [pool.submit(server.ask, f"/v1/invocations/{inv}/result?wait=60s", headers=FLAGGED) for server in (second, third)]
        review = open_review(second)["review"]
        # What it decided last may stand in its journal, which nobody else can reach: nobody else decides.
        assert decide(third, review).status == 503
        first.start()
        assert until(lambda: vote if (vote := decide(third, review)).status != 503 else None).status == 200
        answers = [poll.result(timeout=70) for poll in polls]
        assert {one.status for one in answers} == {200}
        assert second.chat("parked", FLAGGED).json == answers[0].json, "the same request joins it"
        assert scripted_provider.ledger().totals.arrivals == arrivals
    explained = third.explain(inv)
    assert explained["outcome"] == "answered"


def test_workers_on_one_file_keep_together(tmp_path: Path, scripted_provider: ScriptedProvider) -> None:
    with Working(tmp_path, three_tiers(scripted_provider, gate()), arguments=("--workers", str(REPLICAS))) as server:
        server.serving(REPLICAS)
        done = until(
            lambda: found if len((found := apply(server, three_tiers(scripted_provider, gate("1s"))))["replicas"]) == REPLICAS else None
        )
        assert {one["version"] for one in done["replicas"]} == {done["version"]}
        with ThreadPoolExecutor(24) as pool:
            once = {"idempotency-key": "k-1"}
            replies = list(pool.map(lambda _: server.chat("once", once), range(24)))
            assert {reply.status for reply in replies} == {200}
            assert len({reply.body for reply in replies}) == 1
            assert scripted_provider.ledger().totals.arrivals == 1
            # Connections are spread over the workers: each of these is parked at one of them, and asked for at another one, mostly.
            parked = list(pool.map(lambda number: server.chat(f"parked {number}", FLAGGED), range(6)))
            assert {reply.status for reply in parked} == {409}
            found = until(lambda: items if len(items := server.admin("/reviews").json["items"]) == 6 else None)
            votes = list(pool.map(lambda number: decide(server, found[number % 6]["review"]), range(18)))
            assert sorted(vote.status for vote in votes) == [200] * 6 + [409] * 12
            invs = [reply.headers["x-orchvynt-invocation"] for reply in parked]
            results = list(pool.map(lambda inv: server.ask(f"/v1/invocations/{inv}/result?wait=30s", headers=FLAGGED), invs * 2))
            assert {result.status for result in results} == {200}
