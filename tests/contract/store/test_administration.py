"""Policies, tokens, issued secrets and the audit trail: written at once and durably, not through the journal."""

import asyncio

import msgspec
from tests.contract.store.conftest import Opener

from orchvynt.ports.store import AuditRow, KeyRow, PolicyRow, TokenRow


def test_policies_are_numbered_and_a_stale_expectation_is_refused(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            store = pair.store
            first = await store.add_policy("a: 1\n", "d1", "first", "token:ana", 10, 0, "")
            assert first == PolicyRow(1, "d1", "a: 1\n", "first", "token:ana", 10, "")
            assert await store.add_policy("b: 1\n", "d2", "late", "token:ben", 11, 0, "") is None
            second = await store.add_policy("b: 2\n", "d2", "second", "token:ben", 12, 1, "abc123")
            third = await store.add_policy("b: 3\n", "d3", "third", "token:ben", 13, None, "")
            assert third is not None
            assert second is not None
            bare = [msgspec.structs.replace(row, yaml="") for row in (third, second, first)]
            assert await store.policies() == bare, "the history comes without the texts"
            assert [await store.policy(version) for version in (0, 1, 2, 3, 4)] == [None, first, second, third, None]
            for_a_while = await store.add_policy("c: 1\n", "d4", "incident", "token:ana", 14, None, "", 99)
            assert for_a_while is not None
            assert ((await store.policies())[0].until, await store.policy(4)) == (99, for_a_while)

    asyncio.run(run())


def test_of_sixteen_who_expect_the_same_version_one_wins(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            rows = await asyncio.gather(*(pair.store.add_policy("y", f"d{n}", "", "x", n, 0, "") for n in range(16)))
            assert len([row for row in rows if row is not None]) == 1
            assert len(await pair.store.policies()) == 1

    asyncio.run(run())


def test_token_names_are_unique_until_removed(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            store = pair.store
            ana = TokenRow("ana", "reviewer", "0" * 64, 1, "bootstrap")
            assert await store.add_token(ana)
            assert not await store.add_token(TokenRow("ana", "admin", "1" * 64, 2, "ana"))
            assert await store.add_token(TokenRow("Ben", "viewer", "2" * 64, 3, "ana"))
            assert [token.name for token in await store.tokens()] == ["Ben", "ana"]
            assert await store.remove_token("Ben")
            assert not await store.remove_token("Ben")
            assert await store.tokens() == [ana]

    asyncio.run(run())


def test_what_alerts_keep_is_replaced_whole(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            assert await pair.store.alerting() is None
            for memory in (b"first", b"", bytes(range(256)) * 4_000):
                await pair.store.keep_alerting(memory)
                assert await pair.store.alerting() == memory

    asyncio.run(run())


def test_the_audit_trail_is_newest_first_and_bounded(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            rows = [AuditRow(5 - n, "token:ana", "apply", f"why {n}", f"policy {n}") for n in range(4)]
            kept = [await pair.store.audit(row) for row in rows]
            assert [(one.at, one.who, one.what, one.why, one.subject) for one in kept] == [
                (row.at, row.who, row.what, row.why, row.subject) for row in rows
            ]
            assert await pair.store.audits(10) == kept[::-1]
            assert await pair.store.audits(2) == kept[:1:-1]
            assert await pair.store.audits(0) == []

    asyncio.run(run())


def test_issued_secrets_are_told_by_id_and_rotated_in_one_piece(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            store = pair.store
            old = KeyRow("a" * 16, "docs", "a" * 64, 1, "token:ana")
            ending = KeyRow("b" * 16, "docs", "b" * 64, 2, "token:ana", expires_at=50)
            other = KeyRow("c" * 16, "support", "c" * 64, 3, "token:ana")
            assert [await store.add_key(key) for key in (other, ending, old)] == [True, True, True]
            assert await store.keys() == [old, ending, other]
            assert not await store.add_key(KeyRow("a" * 16, "support", "a" * 64, 9, "token:ben"), others_expire_at=60)
            assert await store.keys() == [old, ending, other], "what is refused changes nothing"
            new = KeyRow("d" * 16, "docs", "d" * 64, 4, "token:ben")
            assert await store.add_key(new, others_expire_at=100)
            assert await store.keys() == [msgspec.structs.replace(old, expires_at=100), ending, new, other]
            assert await store.remove_key(old.id)
            assert not await store.remove_key(old.id)
            assert [key.id for key in await store.keys()] == [ending.id, new.id, other.id]

    asyncio.run(run())


def test_the_last_use_of_a_secret_never_goes_back(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            store = pair.store
            for key in (KeyRow("a" * 16, "docs", "a" * 64, 1, "x"), KeyRow("b" * 16, "docs", "b" * 64, 2, "x")):
                assert await store.add_key(key)
            await store.use_keys([("a" * 16, 9), ("b" * 16, 7), ("c" * 16, 8)])
            await store.use_keys([("a" * 16, 5), ("b" * 16, 11)])
            await store.use_keys([])
            assert [key.used_at for key in await store.keys()] == [9, 11]

    asyncio.run(run())
