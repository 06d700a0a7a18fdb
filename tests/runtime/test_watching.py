"""The file given to --policy: followed where it is the truth, else told when it differs; the last good version stays whatever happens."""

import asyncio

import pytest
from tests.support.carrying import Runtime
from tests.support.changing import FakeFile, changing, compiled

from orchvynt.assembly.init import first_policy
from orchvynt.decisions.audit.entries import Kept
from orchvynt.language.snapshot import Snapshot
from orchvynt.ports.store import PolicyRow
from orchvynt.runtime.control import Change
from orchvynt.runtime.watching import AGAIN_NS, Watching

GOOD = first_policy([])
OTHER = GOOD.replace("100000", "200000")
THIRD = GOOD.replace("100000", "300000")
BROKEN = "version: 1\nmodles: {}\n"
KEYED = GOOD.replace('/v1"}', '/v1", api_key: "${env:LATER_API_KEY}"}')
HOUR_NS = 3_600_000_000_000


class Scene:
    """A runtime that serves GOOD as version 1, and a file that says it too."""

    def __init__(self, follows: bool = True) -> None:
        self.runtime = Runtime(compiled(GOOD))
        self.file = FakeFile(GOOD)
        self.told: list[str] = []
        self.changing = changing(self.runtime)
        self.watching = Watching(self.file, self.changing, follows, self.told.append)

    async def begin(self) -> None:
        self.runtime.policies.file = None
        await self.changing.apply(Change(GOOD, "first", "serve", True))
        await self.watching.look()
        assert self.told == []

    async def write(self, text: str | None) -> None:
        self.file.text = text
        await self.watching.look()

    @property
    def current(self) -> Snapshot:
        return self.runtime.policies.current

    @property
    def drift(self) -> str:
        return self.runtime.policies.drift(self.runtime.clock.now())

    @property
    def watch(self) -> str:
        return self.runtime.policies.watch(self.runtime.clock.now())

    async def history(self) -> list[PolicyRow]:
        return await self.runtime.store.policies()

    async def audits(self) -> list[Kept]:
        return await self.runtime.store.audits(100)


def test_each_change_of_a_followed_file_is_a_version_by_file_with_its_commit() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.begin()
        assert (scene.watch, scene.drift) == ("following", "")
        scene.file.commit_id = "c0ffee"
        await scene.write(OTHER)
        newest = (await scene.history())[0]
        assert (newest.version, newest.author, newest.message, newest.commit) == (2, "file", "changed in policy.yaml", "c0ffee")
        assert (scene.current.version, scene.current.source, scene.current.commit) == (2, OTHER, "c0ffee")
        assert (scene.watch, scene.drift) == ("following", "")
        assert scene.told == ["policy.yaml changed: serving policy version 2"]
        assert [(row.who, row.what, row.subject) for row in await scene.audits()] == [("file", "policy.apply", "version 2")]

    asyncio.run(scenario())


def test_a_file_that_did_not_change_is_not_read_and_one_of_the_same_meaning_is_no_version() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.begin()
        reads = scene.file.reads
        for _ in range(3):
            await scene.watching.look()
        assert scene.file.reads == reads
        await scene.write(GOOD + "# a comment\n")
        assert scene.file.reads == reads + 1
        assert (len(await scene.history()), scene.drift) == (1, "")

    asyncio.run(scenario())


@pytest.mark.parametrize("text", [BROKEN, None, ""])
def test_a_broken_file_keeps_the_last_good_one_and_says_so_once(text: str | None) -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.begin()
        await scene.write(text)
        for _ in range(3):
            await scene.watching.look()
        assert scene.current.version == 1
        assert scene.watch == "broken"
        assert scene.drift.startswith("policy.yaml ")
        assert scene.drift.endswith("; version 1 stays in force")
        assert len(scene.told) == 1
        assert [(row.who, row.what) for row in await scene.audits()] == [("file", "policy.apply refused")]
        if text == BROKEN:
            assert "policy.yaml:1:1: " in scene.told[0]
            assert "policy.yaml:2:1: " in scene.told[0], "all problems are in the log"
            assert "policy.yaml:" in scene.drift
        await scene.write(OTHER)
        assert (scene.current.version, scene.watch, scene.drift) == (2, "following", "")
        await scene.write(text)
        assert len(await scene.audits()) == 3, "the same trouble, once more"

    asyncio.run(scenario())


def test_what_passes_by_itself_is_tried_again() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.begin()
        scene.runtime.store.away = True
        await scene.write(OTHER)
        assert (scene.current.version, scene.watch) == (1, "broken")
        assert "the disk is away" in scene.drift
        reads = scene.file.reads
        await scene.watching.look()
        assert scene.file.reads == reads, "not at once"
        scene.runtime.store.away = False
        scene.runtime.clock.advance(AGAIN_NS)
        await scene.watching.look()
        assert (scene.current.version, scene.watch) == (2, "following")

    asyncio.run(scenario())


def test_a_secret_that_comes_later_lets_the_file_in() -> None:
    async def scenario() -> None:
        known = {"LATER_API_KEY": "sk-canary"}
        scene = Scene()
        await scene.begin()
        await scene.write(KEYED)
        assert "${env:LATER_API_KEY} is not set" in scene.drift
        assert "canary" not in str(scene.told)
        scene.changing.secrets = changing(scene.runtime, known).secrets
        scene.runtime.clock.advance(AGAIN_NS)
        await scene.watching.look()
        assert (scene.current.version, scene.drift) == (2, "")

    asyncio.run(scenario())


def test_what_was_applied_over_the_file_has_its_while_and_then_the_file_takes_over() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.begin()
        await scene.changing.apply(Change(OTHER, "incident", "token:ana", True, for_ns=HOUR_NS))
        await scene.watching.look()
        assert (scene.current.source, scene.watch) == (OTHER, "paused")
        assert "applied over it for a while" in scene.drift
        await scene.write(THIRD)
        assert scene.current.source == OTHER, "also while the file goes on"
        scene.runtime.clock.advance(HOUR_NS)
        await scene.watching.look()
        newest = (await scene.history())[0]
        assert (newest.version, newest.author, newest.message) == (3, "file", "policy.yaml takes over again")
        assert (scene.current.source, scene.watch, scene.drift) == (THIRD, "following", "")
        await scene.watching.look()
        assert len(await scene.history()) == 3

    asyncio.run(scenario())


def test_a_file_that_only_seeded_the_store_is_told_when_it_differs_and_changes_nothing() -> None:
    async def scenario() -> None:
        scene = Scene(follows=False)
        await scene.begin()
        await scene.write(OTHER)
        assert (scene.current.version, scene.watch, len(await scene.history())) == (1, "", 1)
        assert "`orchvynt apply policy.yaml -m WHY` would change it" in scene.drift
        assert scene.told == [f"warning: {scene.drift}"]
        await scene.changing.apply(Change(OTHER, "m", "token:ana", True))
        assert scene.drift == ""
        await scene.write(BROKEN)
        assert "policy.yaml is broken" in scene.drift
        await scene.write(OTHER)
        assert scene.drift == ""
        assert await scene.audits() == []

    asyncio.run(scenario())
