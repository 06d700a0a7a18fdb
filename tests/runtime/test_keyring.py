"""Secrets: shown once, found by digest, valid until they are rotated out or revoked, over restarts too."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from tests.support.carrying import BreakableStore
from tests.support.clock import FakeClock

from orchvynt.decisions.identity.credentials import credential_digest, key_id
from orchvynt.model.faults import Fault
from orchvynt.ports.store import KeyRow, StoreUnavailableError
from orchvynt.runtime.keyring import SECRETS_PER_KEY_MAX, SHOWN_EXPIRED_NS, Issued, Keyring

HOUR = 3_600_000_000_000


class World:
    def __init__(self) -> None:
        self.store = BreakableStore()
        self.clock = FakeClock()
        self.keyring = Keyring(self.store, self.clock)

    async def issue(self, name: str = "docs") -> Issued:
        made = await self.keyring.issue(name, "token:ana")
        assert isinstance(made, Issued)
        return made

    async def rotate(self, overlap_ns: int) -> Issued:
        made = await self.keyring.rotate("docs", overlap_ns, "token:ben")
        assert isinstance(made, Issued)
        return made

    def opens(self, secret: str) -> str:
        return self.keyring.name_of(credential_digest("", secret), self.clock.now())

    async def restarted(self) -> Keyring:
        again = Keyring(self.store, self.clock)
        await again.load()
        return again


def play(scenario: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    async def played() -> None:
        await scenario(World())

    asyncio.run(played())


def test_a_secret_opens_at_once_and_after_a_restart_and_is_kept_nowhere() -> None:
    async def scenario(world: World) -> None:
        made = await world.issue()
        assert re.fullmatch(r"ov_[0-9A-Za-z]{43}", made.secret)
        assert world.opens(made.secret) == "docs"
        assert world.opens(made.secret[:-1]) == world.opens("") == world.opens(made.row.sha256) == ""
        assert made.row.id == key_id(made.row.sha256), "records name the secret by the same id"
        again = await world.restarted()
        assert again.name_of(credential_digest("", made.secret), 1) == "docs"
        assert made.secret not in repr([await world.store.keys(), world.keyring.rows(), vars(world.keyring)])

    play(scenario)


def test_after_a_rotation_the_old_one_opens_until_the_overlap_ends() -> None:
    async def scenario(world: World) -> None:
        old, other = await world.issue(), await world.issue("support")
        new = await world.rotate(HOUR)
        assert [world.opens(one.secret) for one in (old, new, other)] == ["docs", "docs", "support"]
        world.clock.advance(HOUR - 1)
        assert world.opens(old.secret) == "docs"
        world.clock.advance(1)
        assert [world.opens(one.secret) for one in (old, new, other)] == ["", "docs", "support"]
        await world.keyring.write_used()
        assert (await world.restarted()).rows() == world.keyring.rows()

    play(scenario)


def test_a_rotation_without_overlap_ends_the_old_one_at_once_and_a_later_one_prolongs_nothing() -> None:
    async def scenario(world: World) -> None:
        first = await world.issue()
        second = await world.rotate(0)
        assert (world.opens(first.secret), world.opens(second.secret)) == ("", "docs")
        third = await world.rotate(HOUR)
        await world.rotate(2 * HOUR)
        world.clock.advance(HOUR)
        assert (world.opens(first.secret), world.opens(second.secret), world.opens(third.secret)) == ("", "", "docs")
        await world.keyring.write_used()
        assert (await world.restarted()).rows() == world.keyring.rows()

    play(scenario)


def test_revoked_is_revoked_one_or_all() -> None:
    async def scenario(world: World) -> None:
        one, two, other = await world.issue(), await world.issue(), await world.issue("support")
        assert isinstance(await world.keyring.revoke("docs", other.row.id), Fault), "an id of another key"
        assert await world.keyring.revoke("docs", one.row.id) == [one.row]
        assert [world.opens(each.secret) for each in (one, two, other)] == ["", "docs", "support"]
        assert await world.keyring.revoke("docs", "") == [two.row]
        assert [world.opens(each.secret) for each in (one, two, other)] == ["", "", "support"]
        gone = await world.keyring.revoke("docs", "")
        assert isinstance(gone, Fault)
        assert gone.code == "not_found"
        assert [row.id for row in (await world.restarted()).rows()] == [other.row.id]

    play(scenario)


def test_a_revocation_holds_even_while_the_store_is_away() -> None:
    async def scenario(world: World) -> None:
        made = await world.issue()
        world.store.away = True
        with pytest.raises(StoreUnavailableError, match="away"):
            await world.keyring.revoke("docs", "")
        assert world.opens(made.secret) == ""
        with pytest.raises(StoreUnavailableError, match="away"):
            await world.keyring.revoke("docs", made.row.id)
        await world.keyring.write_used()
        world.store.away = False
        assert len(await world.store.keys()) == 1
        await world.keyring.write_used()
        assert await world.store.keys() == []

    play(scenario)


def test_what_cannot_be_rotated_or_issued_says_why() -> None:
    async def scenario(world: World) -> None:
        missing = await world.keyring.rotate("docs", 0, "token:ana")
        assert isinstance(missing, Fault)
        assert (missing.code, "orchvynt keys issue docs" in missing.help) == ("not_found", True)
        for _ in range(SECRETS_PER_KEY_MAX):
            await world.issue()
        for full in (await world.keyring.issue("docs", "x"), await world.keyring.rotate("docs", 0, "x")):
            assert isinstance(full, Fault)
            assert full.code == "conflict"
        assert len(await world.store.keys()) == SECRETS_PER_KEY_MAX

    play(scenario)


def test_the_last_use_is_written_by_and_by_and_never_lost_while_the_store_is_away() -> None:
    async def scenario(world: World) -> None:
        made = await world.issue()
        world.clock.advance(HOUR)
        used_at = world.clock.now()
        world.opens(made.secret)
        assert [row.used_at for row in world.keyring.rows()] == [used_at]
        world.store.away = True
        await world.keyring.write_used()
        world.store.away = False
        assert [row.used_at for row in await world.store.keys()] == [0]
        await world.keyring.write_used()
        await world.keyring.write_used()
        assert [row.used_at for row in await world.store.keys()] == [used_at]
        assert [row.used_at for row in world.keyring.rows()] == [used_at]

    play(scenario)


def test_what_expired_is_shown_for_a_week() -> None:
    async def scenario(world: World) -> None:
        await world.issue()
        new = await world.rotate(0)
        world.clock.advance(SHOWN_EXPIRED_NS)
        await world.keyring.write_used()
        assert len(world.keyring.rows()) == 2
        world.clock.advance(1)
        await world.keyring.write_used()
        assert world.keyring.rows() == await world.store.keys() == [new.row]

    play(scenario)


def test_a_row_of_the_store_without_an_end_opens_for_good() -> None:
    async def scenario(world: World) -> None:
        digest = credential_digest("", "ov_known")
        await world.store.add_key(KeyRow(key_id(digest), "docs", digest, 1, "import", expires_at=10))
        await world.store.add_key(KeyRow("other", "open", "f" * 64, 1, "import"))
        keyring = await world.restarted()
        assert [keyring.name_of(digest, at) for at in (9, 10)] == ["docs", ""]
        assert keyring.name_of("f" * 64, 1 << 62) == "open"

    play(scenario)
