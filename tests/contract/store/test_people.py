"""People and sessions: what belongs together changes together, and nobody overwrites another's change."""

import asyncio
from typing import Final

import msgspec
from tests.contract.store.conftest import Opener

from orchvynt.ports.people import PersonRow, SessionRow

ANA: Final = PersonRow("ana@example.com", "Ana", "admin", 1, "token:first", password="$argon2id$x")
BEN: Final = PersonRow("ben@example.com", "", "viewer", 2, "ana@example.com", provider="https://idp 7", role_from="oidc")


def session_of(person: PersonRow, digest: str, at: int = 10) -> SessionRow:
    return SessionRow(digest * 64, person.email, "oidc", False, at, at, at + 100, ("finance-reviewers", 'Größe, "x"'))


def changed(person: PersonRow, **values: object) -> PersonRow:
    return msgspec.structs.replace(person, revision=person.revision + 1, **values)


def test_people_are_told_by_address_and_an_address_is_taken_once(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            store = pair.store
            assert await store.people() == []
            assert [await store.add_person(person) for person in (BEN, ANA)] == [True, True]
            assert not await store.add_person(msgspec.structs.replace(ANA, role="viewer"))
            assert await store.people() == [ANA, BEN]
            assert await store.person(BEN.email) == BEN
            assert await store.person("nobody@example.com") is None

    asyncio.run(run())


def test_of_two_changes_of_one_revision_the_first_wins(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            store = pair.store
            assert await store.add_person(ANA)
            first = changed(ANA, name="Ana Lucía", role="operator", disabled=True, password="", provider="p", role_from="oidc")
            assert await store.change_person(first, end_sessions=False)
            assert not await store.change_person(changed(ANA, name="late"), end_sessions=False)
            assert not await store.change_person(changed(BEN), end_sessions=False)
            assert await store.person(ANA.email) == first

    asyncio.run(run())


def test_a_session_comes_with_the_person_as_it_is_now(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            store = pair.store
            assert await store.add_person(ANA)
            one = session_of(ANA, "a")
            assert await store.add_session(one, ANA.revision, 5)
            seen = msgspec.structs.replace(ANA, login_at=10)
            assert await store.session(one.sha256) == (one, seen)
            assert await store.session("b" * 64) is None
            await store.use_session(one.sha256, 30)
            await store.use_session(one.sha256, 20)
            await store.use_session("b" * 64, 20)
            later = changed(seen, role="viewer", login_at=0)
            assert await store.change_person(later, end_sessions=False)
            assert await store.session(one.sha256) == (
                msgspec.structs.replace(one, used_at=30),
                msgspec.structs.replace(later, login_at=10),
            ), "a change does not forget the last login"
            assert await store.end_session(one.sha256)
            assert not await store.end_session(one.sha256)

    asyncio.run(run())


def test_whoever_was_changed_or_disabled_meanwhile_gets_no_session(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            store = pair.store
            assert not await store.add_session(session_of(ANA, "a"), 0, 5)
            assert await store.add_person(ANA)
            new = changed(ANA, password="$argon2id$y")
            assert await store.change_person(new, end_sessions=True)
            assert not await store.add_session(session_of(ANA, "a"), ANA.revision, 5)
            gone = changed(new, disabled=True)
            assert await store.change_person(gone, end_sessions=True)
            assert not await store.add_session(session_of(ANA, "a"), gone.revision, 5)
            assert await store.session("a" * 64) is None
            assert await store.person(ANA.email) == gone

    asyncio.run(run())


def test_a_change_ends_the_sessions_of_that_person_but_one(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            store = pair.store
            for person, digests in ((ANA, "abc"), (BEN, "d")):
                assert await store.add_person(person)
                for digest in digests:
                    assert await store.add_session(session_of(person, digest), 0, 5)
            assert await store.change_person(changed(ANA), end_sessions=True, keep="b" * 64)
            assert [digest for digest in "abcd" if await store.session(digest * 64)] == ["b", "d"]

    asyncio.run(run())


def test_the_oldest_sessions_of_a_person_end_and_what_is_over_is_forgotten(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            store = pair.store
            assert await store.add_person(ANA)
            assert await store.add_person(BEN)
            assert await store.add_session(session_of(BEN, "f", 1), 0, 2)
            for at, digest in enumerate("cab", 10):
                assert await store.add_session(session_of(ANA, digest, at), 0, 2)
            assert [digest for digest in "abcf" if await store.session(digest * 64)] == ["a", "b", "f"]
            await store.use_session("a" * 64, 50)
            await store.forget_sessions(ended_before=0, used_before=12)
            assert [digest for digest in "abf" if await store.session(digest * 64)] == ["a", "b"]
            await store.forget_sessions(ended_before=112, used_before=0)
            assert [digest for digest in "ab" if await store.session(digest * 64)] == ["b"]

    asyncio.run(run())
