"""Which policy a process starts with: the store's, else the file's, or the file's where it is followed; and how a file may be broken."""

import asyncio
from pathlib import Path

import pytest

from orchvynt.adapters.checking.inline import InlineChecking
from orchvynt.adapters.clock import SystemClock
from orchvynt.adapters.memory.store import MemoryStore
from orchvynt.assembly.init import first_policy
from orchvynt.assembly.policy_file import POLICY_BYTES_MAX, PolicyRefusedError, Started, read, starting
from orchvynt.ports.store import PolicyRow
from orchvynt.runtime.policies import Policies

GOOD = first_policy([])
OTHER = GOOD.replace("100000", "200000")
BROKEN = "version: 1\nmodles: {}\n"
HOUR_NS = 3_600_000_000_000


def start(store: MemoryStore, path: str, follows: bool = False) -> Started:
    return asyncio.run(starting(store, path, SystemClock(), follows))


def drift(started: Started) -> str:
    """In words, as the running process would say it."""

    policies = Policies(MemoryStore(), InlineChecking(), started.snapshot, started.row)
    policies.file = started.file
    return policies.drift(SystemClock().now())


def written(folder: Path, text: str) -> str:
    path = folder / "orchvynt.yaml"
    path.write_text(text)
    return str(path)


def stored(store: MemoryStore, version: int) -> PolicyRow:
    row = asyncio.run(store.policy(version))
    assert row is not None
    return row


def test_the_file_seeds_an_empty_store(tmp_path: Path) -> None:
    store = MemoryStore()
    started = start(store, written(tmp_path, GOOD))
    row = stored(store, 1)
    assert (row.yaml, row.digest, row.author, row.version) == (GOOD, started.snapshot.digest, "serve", 1)
    assert (started.snapshot.version, started.row.version) == (1, 1)


def test_afterwards_the_store_is_the_truth(tmp_path: Path) -> None:
    store = MemoryStore()
    first = start(store, written(tmp_path, GOOD)).snapshot
    again = start(store, written(tmp_path, OTHER))
    assert again.snapshot.digest == first.digest
    assert "differs from version 1" in drift(again)
    assert start(store, "").snapshot.digest == first.digest
    assert len(asyncio.run(store.policies())) == 1


def test_a_file_that_is_followed_is_the_truth(tmp_path: Path) -> None:
    store = MemoryStore()
    start(store, written(tmp_path, GOOD), follows=True)
    started = start(store, written(tmp_path, OTHER), follows=True)
    row = stored(store, 2)
    assert (started.snapshot.version, row.author, row.yaml) == (2, "file", OTHER)
    assert drift(started) == ""
    assert start(store, written(tmp_path, OTHER), follows=True).snapshot.version == 2, "nothing changed"


def test_what_was_applied_over_a_followed_file_stays_until_its_time(tmp_path: Path) -> None:
    store, now = MemoryStore(), SystemClock().now()
    path = written(tmp_path, GOOD)
    start(store, path, follows=True)
    asyncio.run(store.add_policy(OTHER, "d", "m", "token:ana", now, None, "", now + HOUR_NS))
    started = start(store, path, follows=True)
    assert started.snapshot.version == 2
    assert "was applied over it for a while" in drift(started)
    asyncio.run(store.add_policy(OTHER, "d", "m", "token:ana", now, None, "", now - 1))
    assert start(store, path, follows=True).snapshot.version == 4, "its time is over: the file takes over"


def test_a_followed_file_that_lacks_a_secret_changes_nothing(tmp_path: Path) -> None:
    store = MemoryStore()
    start(store, written(tmp_path, GOOD), follows=True)
    path = written(tmp_path, OTHER)
    started = asyncio.run(starting(store, path, SystemClock(), True, lacks=lambda _: ["${env:A_TOKEN} is not set"]))
    assert started.snapshot.version == 1
    assert "cannot be put in force: ${env:A_TOKEN} is not set" in drift(started)


@pytest.mark.parametrize("follows", [False, True])
def test_a_broken_file_is_no_problem_for_a_store_that_has_a_policy(tmp_path: Path, follows: bool) -> None:
    store = MemoryStore()
    first = start(store, written(tmp_path, GOOD), follows).snapshot
    started = start(store, written(tmp_path, BROKEN), follows)
    assert started.snapshot.digest == first.digest
    assert "is broken" in drift(started)


@pytest.mark.parametrize("text", [GOOD, GOOD + "# a comment\n"])
@pytest.mark.parametrize("follows", [False, True])
def test_a_file_of_the_same_meaning_is_no_drift(tmp_path: Path, text: str, follows: bool) -> None:
    store = MemoryStore()
    start(store, written(tmp_path, GOOD), follows)
    started = start(store, written(tmp_path, text), follows)
    assert (drift(started), started.snapshot.version) == ("", 1)
    assert drift(start(store, "")) == ""


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    store = MemoryStore()
    start(store, written(tmp_path, GOOD))
    assert "cannot be read" in drift(start(store, str(tmp_path / "gone.yaml")))


def test_without_any_policy_nothing_starts(tmp_path: Path) -> None:
    with pytest.raises(PolicyRefusedError, match="orchvynt init"):
        start(MemoryStore(), "")
    for follows in (False, True):
        with pytest.raises(PolicyRefusedError, match=r"orchvynt\.yaml:2:1: "):
            start(MemoryStore(), written(tmp_path, BROKEN), follows)


def test_a_stored_version_that_this_build_cannot_compile_is_refused_with_its_problems(tmp_path: Path) -> None:
    store = MemoryStore()
    asyncio.run(store.add_policy(BROKEN, "d", "m", "a", 0, 0, ""))
    path = written(tmp_path, GOOD)
    with pytest.raises(PolicyRefusedError, match=r"Version 1 of the store(.|\n)*policy-1\.yaml:2:1: "):
        start(store, path)
    assert start(store, path, follows=True).snapshot.version == 2


def test_what_cannot_be_read_is_refused_with_its_cause(tmp_path: Path) -> None:
    with pytest.raises(PolicyRefusedError, match="No such file"):
        read(str(tmp_path / "gone.yaml"))
    with pytest.raises(PolicyRefusedError, match="Is a directory"):
        read(str(tmp_path))
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"version: \xff")
    with pytest.raises(PolicyRefusedError, match=r"not UTF-8 \(byte 9\)"):
        read(str(binary))
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (POLICY_BYTES_MAX + 1))
    with pytest.raises(PolicyRefusedError, match="larger than"):
        read(str(large))
