"""Hashes of passwords: argon2id, salted, off the loop, bounded, and as much work for nobody as for somebody."""

import asyncio

import pytest

from orchvynt.adapters.passwords import WAITING_MAX, Argon2Passwords
from orchvynt.ports.passwords import TooBusyError


def test_a_hash_fits_its_password_alone_and_no_two_are_equal() -> None:
    async def run() -> None:
        passwords = Argon2Passwords(memory_kib=8, passes=1)
        one, other = await passwords.hash("a password"), await passwords.hash("a password")
        assert one != other
        assert one.startswith("$argon2id$v=19$m=8,t=1,p=1$")
        assert await passwords.matches("a password", one)
        assert await passwords.matches("a\ud800b", await passwords.hash("a\ud800b"))
        for password, hashed in (
            ("A password", one),
            ("", one),
            ("a password", ""),
            ("", ""),
            ("a password", "$argon2id$broken"),
            ("x", "x"),
        ):
            assert not await passwords.matches(password, hashed)
        assert not passwords.outdated(one)
        assert Argon2Passwords(memory_kib=16, passes=1).outdated(one)
        passwords.close()

    asyncio.run(run())


def test_what_is_given_by_default_is_what_rfc_9106_says() -> None:
    async def run() -> None:
        passwords = Argon2Passwords()
        assert "$m=65536,t=3,p=1$" in await passwords.hash("a password")
        passwords.close()

    asyncio.run(run())


def test_a_crowd_waits_and_what_is_beyond_it_is_told() -> None:
    async def run() -> None:
        passwords = Argon2Passwords(memory_kib=1024, passes=2)
        results = await asyncio.gather(*(passwords.matches("x", "") for _ in range(WAITING_MAX + 8)), return_exceptions=True)
        assert sum(isinstance(result, TooBusyError) for result in results) == 8
        with pytest.raises(TooBusyError):
            raise next(result for result in results if isinstance(result, TooBusyError))
        assert not await passwords.matches("x", "")
        passwords.close()

    asyncio.run(run())
