"""Policies, tokens and the audit trail: written at once and durably, not through the journal."""

import asyncio

from tests.contract.store.conftest import Opener

from orchvynt.ports.store import AuditRow, PolicyRow, TokenRow


def test_policies_are_numbered_and_a_stale_expectation_is_refused(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            store = pair.store
            first = await store.add_policy("a: 1\n", "d1", "first", "token:ana", 10, 0, "")
            assert first == PolicyRow(1, "d1", "a: 1\n", "first", "token:ana", 10, "")
            assert await store.add_policy("b: 1\n", "d2", "late", "token:ben", 11, 0, "") is None
            second = await store.add_policy("b: 2\n", "d2", "second", "token:ben", 12, 1, "abc123")
            third = await store.add_policy("b: 3\n", "d3", "third", "token:ben", 13, None, "")
            assert await store.policies() == [third, second, first]
            assert [row.version for row in await store.policies()] == [3, 2, 1]

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


def test_the_audit_trail_is_newest_first_and_bounded(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            rows = [AuditRow(5 - n, "token:ana", "apply", f"why {n}", f"policy {n}") for n in range(4)]
            for row in rows:
                await pair.store.audit(row)
            assert await pair.store.audits(10) == rows[::-1]
            assert await pair.store.audits(2) == rows[:1:-1]
            assert await pair.store.audits(0) == []

    asyncio.run(run())
