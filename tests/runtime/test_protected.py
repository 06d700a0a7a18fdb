"""A change that weakens what is protected waits for people, whoever makes it and in whichever way; breaking the glass tells everybody."""

import asyncio
from typing import Any

import msgspec
from tests.language.test_weakening import POLICY, compiled
from tests.support.carrying import FakeSecrets, Runtime
from tests.support.changing import FakeAbout
from tests.support.clock import CountingIds

from orchvynt.adapters.checking.inline import InlineChecking
from orchvynt.decisions.reviews.cases import Voter
from orchvynt.model.facts import Vote
from orchvynt.model.faults import Fault
from orchvynt.ports.changes import ChangeRow
from orchvynt.runtime.changing import Changing
from orchvynt.runtime.control import Applied, Change, Rollback

WEAKER = POLICY.replace("usd: 5000", "usd: 9000")
STRICTER = POLICY.replace("usd: 5000", "usd: 4000")
CFO, CRO = (Voter(f"{name}@example.com", frozenset({"risk"})) for name in ("cfo", "cro"))


class Scene:
    def __init__(self) -> None:
        self.runtime = Runtime(compiled(POLICY))
        self.announced: list[Applied] = []
        known = FakeSecrets(OPENAI_API_KEY="sk-x")
        self.changing = Changing(
            self.runtime.policies, self.runtime.store, InlineChecking(), known, self.runtime.clock, FakeAbout(), CountingIds(),
            self.announced.append,
        )  # fmt: skip

    async def begin(self) -> None:
        assert isinstance(await self.apply(POLICY.replace("usd: 5}", "usd: 6}")), Applied)

    async def apply(self, text: str, by: str = "token:ci", **options: Any) -> Any:
        return await self.changing.apply(Change(text, "because", by, True, **options))

    @property
    def version(self) -> int:
        return self.runtime.policies.current.version

    @property
    def limit(self) -> int | None:
        return self.runtime.policies.current.budgets[0].limits.nanos


async def waiting(scene: Scene, text: str = WEAKER, by: str = "token:ci") -> ChangeRow:
    row = await scene.apply(text, by)
    assert isinstance(row, ChangeRow), row
    return row


def test_two_people_approve_and_it_is_in_force() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.begin()
        row = await waiting(scene)
        assert (row.weakens, row.approvers, row.quorum) == (("budget company: limit 5000 USD → 9000 USD",), "risk", 2)
        assert (await waiting(scene)).change == row.change, "asked again, it is the one that is there"
        assert scene.version == 1
        first = await scene.changing.decide(row.change, CFO, "approve", "")
        assert isinstance(first, ChangeRow)
        assert (first.status, scene.version) == ("open", 1)
        again = await scene.changing.decide(row.change, CFO, "approve", "")
        assert isinstance(again, Fault)
        done = await scene.changing.decide(row.change, CRO, "approve", "looked at it")
        assert isinstance(done, Applied), done
        assert (scene.version, scene.limit) == (2, 9000 * 10**9)
        assert (done.row.author, done.row.message) == ("token:ci", f"because ({row.change} approved by cfo@example.com, cro@example.com)")
        kept = await scene.runtime.store.change(row.change)
        assert kept is not None
        assert (kept.status, kept.version) == ("approved", 2)
        late = await scene.changing.decide(row.change, CRO, "reject", "")
        assert isinstance(late, Fault)
        assert late.code == "conflict"
        assert scene.announced == []

    asyncio.run(scenario())


def test_one_rejection_ends_it() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.begin()
        row = await waiting(scene)
        done = await scene.changing.decide(row.change, CFO, "reject", "no")
        assert isinstance(done, ChangeRow)
        assert (done.status, done.decided_by, done.reason, scene.version) == ("rejected", "cfo@example.com", "no", 1)
        assert (await waiting(scene)).change != row.change

    asyncio.run(scenario())


def test_no_token_approves_and_no_author() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.begin()
        row = await waiting(scene, by="cfo@example.com")
        for voter in (Voter("token:admin"), CFO, Voter("eve@example.com", frozenset({"ops"}))):
            refused = await scene.changing.decide(row.change, voter, "approve", "")
            assert isinstance(refused, Fault)
            assert refused.code == "forbidden"
            assert f"hange {row.change}" in refused.message
            assert "not_requester" not in refused.message

    asyncio.run(scenario())


def test_another_version_in_between_overtakes_it() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.begin()
        row = await waiting(scene)
        assert isinstance(await scene.changing.decide(row.change, CFO, "approve", ""), ChangeRow)
        other = await waiting(scene, WEAKER.replace("9000", "9001"))
        assert isinstance(await scene.apply(STRICTER), Applied)
        assert await scene.runtime.store.changes(only_open=True) == [], "nobody is shown what cannot be approved any more"
        late = await scene.changing.decide(row.change, CRO, "approve", "")
        assert isinstance(late, Fault)
        assert "by now" in late.message
        assert scene.limit == 4000 * 10**9
        refused = await scene.changing.decide(other.change, CRO, "reject", "")
        assert isinstance(refused, Fault)
        assert "by now" in refused.message
        anew = await waiting(scene)
        assert anew.change != row.change
        kept = await scene.runtime.store.change(row.change)
        assert kept is not None
        assert kept.status == "overtaken"

    asyncio.run(scenario())


def test_votes_race_and_it_comes_in_force_once() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.begin()
        row = await waiting(scene)
        voters = [CFO, CRO, CFO, CRO, CFO]
        done = await asyncio.gather(*(scene.changing.decide(row.change, voter, "approve", "") for voter in voters))
        assert sum(isinstance(one, Applied) for one in done) == 1
        assert scene.version == 2

    asyncio.run(scenario())


def test_a_rollback_and_a_watched_file_wait_too() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.begin()
        assert isinstance(await scene.apply(STRICTER), Applied)
        back = await scene.changing.rollback(Rollback(1, "", "token:ci", True))
        assert isinstance(back, ChangeRow)
        followed = await scene.changing.follow(compiled(WEAKER), WEAKER, "changed in p.yaml", "")
        assert isinstance(followed, ChangeRow)
        assert (followed.author, scene.version) == ("file", 2)

    asyncio.run(scenario())


def test_breaking_the_glass_tells_everybody() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.begin()
        done = await scene.apply(WEAKER, break_glass=True)
        assert isinstance(done, Applied)
        assert (scene.version, scene.announced) == (2, [done]) or [one.row for one in scene.announced] == [done.row]
        assert scene.announced[0].weakened == ("budget company: limit 5000 USD → 9000 USD",)
        assert isinstance(await scene.apply(STRICTER, break_glass=True), Applied)
        assert len(scene.announced) == 1, "what weakens nothing is no alarm"

    asyncio.run(scenario())


def test_after_a_stop_between_the_policy_and_its_row_it_is_not_applied_twice() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.begin()
        row = await waiting(scene)
        first = await scene.changing.decide(row.change, CFO, "approve", "")
        assert isinstance(first, ChangeRow)
        # As the last vote leaves it where the server stops right after the policy came in force.
        votes = (*first.votes, Vote(CRO.by, "approve", "", 5))
        assert await scene.runtime.store.put_change(msgspec.structs.replace(first, votes=votes, revision=first.revision + 1))
        assert isinstance(await scene.apply(WEAKER, break_glass=True), Applied)
        told = await scene.changing.decide(row.change, CRO, "approve", "")
        assert isinstance(told, ChangeRow), told
        assert (told.status, told.version, scene.version) == ("approved", 2, 2)

    asyncio.run(scenario())
