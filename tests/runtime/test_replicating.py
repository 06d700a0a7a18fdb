"""A policy that is put in force at one process is served by all, or the answer names who does not serve it; secrets are known to all."""

import asyncio

from msgspec.structs import replace
from tests.support.carrying import FakeLine
from tests.support.loops import until
from tests.support.snapshots import snapshot
from tests.support.together import SILENT_NS, fleet

from orchvynt.model.faults import Fault
from orchvynt.runtime.control import Applied, Change, Rollback
from orchvynt.runtime.policies import FileSeen

WITHIN_S = 20.0
EMPTY = replace(snapshot(), version=0)


def policy(usd: int = 1) -> str:
    return f"""\
version: 1
providers: {{one: {{kind: openai-compatible, base_url: "http://127.0.0.1:1/v1"}}}}
models: {{m: {{provider: one, price: free}}}}
routing: {{default: m}}
budgets: [{{name: b, scope: global, limit: {{usd: {usd}}}, window: day, on_breach: reject}}]
"""


def change(text: str, expected: int | None = None) -> Change:
    return Change(text, "why", "token:ana", True, expected)


def test_an_apply_is_live_everywhere_when_it_returns() -> None:
    async def scenario() -> None:
        async with fleet(EMPTY, 3) as crowd:
            done = await crowd.all[1].changing.apply(change(policy()))
            assert isinstance(done, Applied), done
            assert [(one.name, one.version) for one in done.replicas] == [("here:prc_1", 1), ("here:prc_0", 1), ("here:prc_2", 1)]
            assert {one.policies.current.version for one in crowd.all} == {1}
            assert len({one.policies.current.digest for one in crowd.all}) == 1

    asyncio.run(scenario())


def test_two_that_are_applied_at_once_follow_one_another() -> None:
    async def scenario() -> None:
        async with fleet(EMPTY, 3) as crowd:
            texts = [policy(number) for number in range(1, 7)]
            done = await asyncio.gather(*(crowd.all[number % 3].changing.apply(change(text)) for number, text in enumerate(texts)))
            assert sorted(one.row.version for one in done if isinstance(one, Applied)) == [1, 2, 3, 4, 5, 6]
            await until(lambda: {one.policies.current.version for one in crowd.all} == {6}, WITHIN_S)

    asyncio.run(scenario())


def test_of_those_that_expect_a_version_one_wins() -> None:
    async def scenario() -> None:
        async with fleet(EMPTY, 3) as crowd:
            done = await asyncio.gather(*(one.changing.apply(change(policy(place), 0)) for place, one in enumerate(crowd.all, 1)))
            assert sum(isinstance(one, Applied) for one in done) == 1
            assert {one.code for one in done if isinstance(one, Fault)} == {"conflict"}

    asyncio.run(scenario())


def test_a_rollback_at_another_process_knows_the_newest_version() -> None:
    async def scenario() -> None:
        async with fleet(EMPTY, 2) as crowd:
            first, second = crowd.all
            for usd in (1, 2):
                assert isinstance(await first.changing.apply(change(policy(usd))), Applied)
            done = await second.changing.rollback(Rollback(None, "", "token:ben", True))
            assert isinstance(done, Applied)
            assert (done.row.version, done.row.digest) == (3, (await first.store.policies())[2].digest)

    asyncio.run(scenario())


def test_what_one_cannot_serve_is_put_in_force_nowhere() -> None:
    async def scenario() -> None:
        async with fleet(EMPTY, 2) as crowd:
            crowd.all[1].lacks = "a secret is missing there"
            done = await crowd.all[0].changing.apply(change(policy()))
            assert isinstance(done, Fault)
            assert done.code == "policy_invalid"
            assert "here:prc_1" in done.message
            assert "a secret is missing there" in done.message
            assert await crowd.all[0].store.policies() == []

    asyncio.run(scenario())


def test_who_does_not_acknowledge_is_named_and_takes_the_newest_at_its_return() -> None:
    async def scenario() -> None:
        async with fleet(EMPTY, 3) as crowd:
            away, silent = crowd.all[2], "prc_9"
            await away.replicating.serves()
            await away.wakeups.close()
            await away.tasks.stop()
            crowd.stands("prc_2", "serving", SILENT_NS)
            crowd.stands(silent, "serving", SILENT_NS)
            done = await crowd.all[0].changing.apply(change(policy()))
            assert isinstance(done, Applied)
            behind = {one.name: one.trouble for one in done.replicas if one.version < done.row.version}
            assert set(behind) == {"here:prc_2", "here:1"}
            assert all("has said nothing for 60 s" in why for why in behind.values())
            await away.wakeups.start()
            await away.replicating.look()
            assert away.policies.current.version == 1

    asyncio.run(scenario())


def test_a_file_that_another_process_watches_is_the_truth_here_too() -> None:
    async def scenario() -> None:
        async with fleet(EMPTY, 2) as crowd:
            watching, other = crowd.all
            watching.policies.file = FileSeen("/etc/ov.yaml", "d", "", follows=True)
            await watching.replicating.serves()
            done = await other.changing.apply(change(policy()))
            assert isinstance(done, Fault)
            assert done.code == "conflict"
            assert "/etc/ov.yaml" in done.message

    asyncio.run(scenario())


def test_two_that_watch_the_same_file_apply_it_once() -> None:
    async def scenario() -> None:
        async with fleet(EMPTY, 3) as crowd:
            text = policy()
            loaded = await crowd.all[0].changing.checking.load(text, "p.yaml")
            assert loaded.snapshot is not None
            found = loaded.snapshot
            done = await asyncio.gather(*(one.changing.follow(found, text, "changed", "") for one in crowd.all))
            assert sum(isinstance(one, Applied) for one in done) == 1
            assert done.count(None) == 2
            assert len(await crowd.all[0].store.policies()) == 1

    asyncio.run(scenario())


def test_a_secret_that_was_revoked_at_one_opens_nothing_at_any() -> None:
    async def scenario() -> None:
        async with fleet(EMPTY, 2) as crowd:
            here, there = crowd.all
            issued = await here.keyring.issue("agents", "token:ana")
            assert not isinstance(issued, Fault)
            digest = issued.row.sha256
            await until(lambda: there.keyring.name_of(digest, 1) == "agents", WITHIN_S)
            await here.keyring.revoke("agents", "")
            await until(lambda: there.keyring.name_of(digest, 1) == "", WITHIN_S)

    asyncio.run(scenario())


def test_while_the_store_is_away_what_is_in_force_stays() -> None:
    async def scenario() -> None:
        async with fleet(EMPTY, 2) as crowd:
            assert isinstance(await crowd.all[0].changing.apply(change(policy())), Applied)
            crowd.all[1].store.away = True
            crowd.all[1].peers.wakeups.tell("policy")
            line = FakeLine()
            assert crowd.all[1].policies.current.version == 1
            crowd.all[1].store.away = False
            await crowd.all[1].replicating.look()
            assert line.ended == ""

    asyncio.run(scenario())
