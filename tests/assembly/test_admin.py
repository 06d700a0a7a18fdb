"""The first admin token: from the environment, or in a file that only its owner can read; and what a reviewer is shown."""

import asyncio
import os
import socket
import stat
from pathlib import Path

import pytest
from tests.runtime.test_reviewing import parked

from orchvynt.adapters.clock import SystemClock
from orchvynt.adapters.memory.store import MemoryStore
from orchvynt.assembly.admin import TOKEN_FILE, first_tokens, reveal
from orchvynt.assembly.binding import bind
from orchvynt.ports.store import TokenRow
from orchvynt.surfaces.admin.tokens import digest


def first(store: MemoryStore, folder: Path, **environment: str) -> tuple[list[TokenRow], Path | None]:
    return asyncio.run(first_tokens(store, SystemClock(), environment, folder))


def test_a_new_store_gets_a_token_in_a_file_of_mode_0600(tmp_path: Path) -> None:
    store = MemoryStore()
    before = os.umask(0)
    try:
        fixed, path = first(store, tmp_path)
    finally:
        os.umask(before)
    assert (fixed, path) == ([], tmp_path / TOKEN_FILE)
    assert path is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secret = path.read_text().strip()
    rows = asyncio.run(store.tokens())
    assert [(row.name, row.role, row.sha256) for row in rows] == [("first", "admin", digest(secret))]
    assert secret not in repr(rows)


def test_an_older_file_is_replaced_whatever_its_mode_and_a_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_text("mine")
    (tmp_path / TOKEN_FILE).symlink_to(target)
    _, path = first(MemoryStore(), tmp_path)
    assert path is not None
    assert not path.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert target.read_text() == "mine"
    path.chmod(0o644)
    _, again = first(MemoryStore(), tmp_path)
    assert again == path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_store_that_has_tokens_gets_none(tmp_path: Path) -> None:
    store = MemoryStore()
    first(store, tmp_path)
    (tmp_path / TOKEN_FILE).unlink()
    assert first(store, tmp_path) == ([], None)
    assert list(tmp_path.iterdir()) == []


def test_the_environments_token_stands_beside_the_store_and_is_kept_as_a_digest(tmp_path: Path) -> None:
    store = MemoryStore()
    fixed, path = first(store, tmp_path, ORCHVYNT_ADMIN_TOKEN="canary")
    assert path is None
    assert [(row.name, row.role, row.sha256) for row in fixed] == [("environment", "admin", digest("canary"))]
    assert "canary" not in repr(fixed)
    assert asyncio.run(store.tokens()) == []
    assert list(tmp_path.iterdir()) == []


def test_an_address_that_is_taken_is_an_error_and_leaves_no_socket_open() -> None:
    with bind("127.0.0.1", 0) as one:
        assert one.getsockname()[1] > 0
        assert not one.getblocking()
        with pytest.raises(OSError, match=r"cannot listen on 127\.0\.0\.1:.*in use"):
            bind("127.0.0.1", one.getsockname()[1])


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_an_ipv6_address() -> None:
    with bind("::1", 0) as one:
        assert one.family == socket.AF_INET6


def test_a_reviewer_sees_the_answer_and_who_asked() -> None:
    async def scenario() -> None:
        runtime, life, _ = parked()
        stored = await runtime.store.review_state(life.state.review)
        assert stored is not None
        shown = reveal(stored, runtime.policies)
        assert (shown["text"], shown["model"], shown["finish"], shown["tool_calls"]) == ("hi", "gpt", "stop", [])
        assert {"workflow", "agent", "run", "flags", "refusal"} <= set(shown)

    asyncio.run(scenario())
