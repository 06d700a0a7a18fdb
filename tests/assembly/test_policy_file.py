"""Which policy a process starts with: the store's, else the file's; and how a file may differ or be broken."""

import asyncio
from pathlib import Path

import pytest

from orchvynt.adapters.clock import SystemClock
from orchvynt.adapters.memory.store import MemoryStore
from orchvynt.assembly.init import first_policy
from orchvynt.assembly.policy_file import POLICY_BYTES_MAX, PolicyRefusedError, drift, read, starting_snapshot
from orchvynt.language.snapshot import Snapshot

GOOD = first_policy([])
OTHER = GOOD.replace("100000", "200000")
BROKEN = "version: 1\nmodles: {}\n"


def start(store: MemoryStore, path: str) -> Snapshot:
    return asyncio.run(starting_snapshot(store, path, SystemClock()))[0]


def written(folder: Path, text: str) -> str:
    path = folder / "orchvynt.yaml"
    path.write_text(text)
    return str(path)


def test_the_file_seeds_an_empty_store(tmp_path: Path) -> None:
    store = MemoryStore()
    snapshot = start(store, written(tmp_path, GOOD))
    assert snapshot.version == 1
    row = asyncio.run(store.policies())[0]
    assert (row.yaml, row.digest, row.author, row.version) == (GOOD, snapshot.digest, "serve", 1)


def test_afterwards_the_store_is_the_truth(tmp_path: Path) -> None:
    store = MemoryStore()
    first = start(store, written(tmp_path, GOOD))
    path = written(tmp_path, OTHER)
    assert start(store, path).digest == first.digest
    assert start(store, "").digest == first.digest
    assert len(asyncio.run(store.policies())) == 1
    assert "differs from version 1" in drift(path, first)


def test_a_broken_file_is_no_problem_for_a_store_that_has_a_policy(tmp_path: Path) -> None:
    store = MemoryStore()
    first = start(store, written(tmp_path, GOOD))
    path = written(tmp_path, BROKEN)
    assert start(store, path).digest == first.digest
    assert "has problems" in drift(path, first)


@pytest.mark.parametrize("text", [GOOD, GOOD + "# a comment\n"])
def test_a_file_of_the_same_meaning_is_no_drift(tmp_path: Path, text: str) -> None:
    store = MemoryStore()
    first = start(store, written(tmp_path, GOOD))
    assert drift(written(tmp_path, text), first) == ""
    assert drift("", first) == ""


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    first = start(MemoryStore(), written(tmp_path, GOOD))
    assert "cannot be read" in drift(str(tmp_path / "gone.yaml"), first)


def test_without_any_policy_nothing_starts(tmp_path: Path) -> None:
    with pytest.raises(PolicyRefusedError, match="orchvynt init"):
        start(MemoryStore(), "")
    with pytest.raises(PolicyRefusedError, match=r"orchvynt\.yaml:2:1: "):
        start(MemoryStore(), written(tmp_path, BROKEN))


def test_a_stored_version_that_this_build_cannot_compile_is_refused_with_its_problems(tmp_path: Path) -> None:
    store = MemoryStore()
    asyncio.run(store.add_policy(BROKEN, "d", "m", "a", 0, 0, ""))
    with pytest.raises(PolicyRefusedError, match=r"Version 1 of the store(.|\n)*policy-1\.yaml:2:1: "):
        start(store, written(tmp_path, GOOD))


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
