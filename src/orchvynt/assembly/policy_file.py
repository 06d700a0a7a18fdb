"""Which policy a process starts with: the store's; for an empty store the file's, and also where the file is followed."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec

from orchvynt.adapters.clock import SystemClock
from orchvynt.adapters.git import commit_of
from orchvynt.language.compile import load
from orchvynt.language.problems import Problem
from orchvynt.language.snapshot import Snapshot
from orchvynt.language.weakening import weakened
from orchvynt.ports.carried import NOTHING_CARRIED, Carried
from orchvynt.ports.store import PolicyRow, Store
from orchvynt.runtime.changing import FILE_AUTHOR
from orchvynt.runtime.policies import FileSeen, carrying, file_of, numbered

POLICY_BYTES_MAX = 4 * 1024 * 1024


class PolicyRefusedError(Exception):
    """There is no policy to start with. The message holds every problem with its position."""


def read(path: str) -> str:
    """The text of a policy file. Raises PolicyRefusedError."""
    try:
        file = Path(path)
        if file.stat().st_size > POLICY_BYTES_MAX:
            raise PolicyRefusedError(f"{path}: larger than {POLICY_BYTES_MAX} bytes")
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise PolicyRefusedError(f"{path}: {error.strerror}. Run `orchvynt init` to write a first policy.") from error
    except UnicodeDecodeError as error:
        raise PolicyRefusedError(f"{path}: not UTF-8 (byte {error.start})") from error


class Started(msgspec.Struct, frozen=True):
    """What a process begins to serve: the snapshot and its line of the history, what its author should know, and the file as it was."""

    snapshot: Snapshot
    row: PolicyRow
    warnings: tuple[Problem, ...] = ()
    file: FileSeen | None = None


async def starting(
    store: Store,
    path: str,
    clock: SystemClock,
    follows: bool = False,
    check: Callable[[Snapshot], None] = lambda _: None,
    lacks: Callable[[Snapshot], list[str]] = lambda _: [],
) -> Started:
    """The file seeds an empty store; afterwards the store is the truth, or the file is, where it `follows` it.

    Raises PolicyRefusedError when there is nothing to serve. A file that is broken is no such case while the store has a policy.
    `check` raises for what this process may not serve: it is asked before a file seeds the store, or it would stay there. `lacks` gives
    what a policy needs and this process has not: a followed file that lacks something does not take the place of what is in force.
    """
    while True:
        started = await _started(store, path, clock, follows, check, lacks)
        if started is not None:
            return started


async def _started(
    store: Store, path: str, clock: SystemClock, follows: bool, check: Callable[[Snapshot], None], lacks: Callable[[Snapshot], list[str]]
) -> Started | None:
    """None where another process was faster: then its version is what this one starts with."""
    rows = await store.policies()
    if not rows:
        return await _seeded(store, path, clock, check, follows)
    row = await store.policy(rows[0].version)
    assert row is not None
    compiled = numbered(load(row.yaml, file_of(row)), row)
    file, read_now = _file_now(path, follows, row)
    if follows and read_now is not None and read_now.digest != row.digest and row.until <= clock.now():
        check(read_now)
        before = compiled if isinstance(compiled, Snapshot) else None
        if missing := lacks(read_now):
            file = FileSeen(path, "", f"{path} cannot be put in force: {missing[0]}", follows=True)
        elif before is None or not weakened(before, read_now):
            moved = carrying(before.budgets if before is not None else (), read_now.budgets)
            seen = FileSeen(path, read_now.digest, "", True)
            return await _added(store, read_now, seen, clock, f"changed in {path}", row.version, moved)
        # Else it waits for people: the watch, which looks next, sees to that.
    if not isinstance(compiled, Snapshot):
        raise PolicyRefusedError(
            f"Version {row.version} of the store cannot be compiled by this build:\n" + "\n".join(one.text for one in compiled)
        )
    check(compiled)
    return Started(compiled, row, (), file)


def _file_now(path: str, follows: bool, row: PolicyRow) -> tuple[FileSeen | None, Snapshot | None]:
    """How the file stands beside the version in force; its snapshot only where it is worth one."""
    if not path:
        return None, None
    try:
        text = read(path)
    except PolicyRefusedError as error:
        return FileSeen(path, "", f"the file cannot be read: {error}", follows), None
    if text == row.yaml:
        return FileSeen(path, row.digest, "", follows), None
    loaded = load(text, path)
    if loaded.snapshot is None:
        return FileSeen(path, "", f"{path} is broken (see `orchvynt validate {path}`)", follows), None
    return FileSeen(path, loaded.snapshot.digest, "", follows), loaded.snapshot


async def _seeded(store: Store, path: str, clock: SystemClock, check: Callable[[Snapshot], None], follows: bool) -> Started | None:
    if not path:
        raise PolicyRefusedError("There is no policy yet. Run `orchvynt init`, or give --policy PATH.")
    loaded = load(read(path), path)
    if loaded.snapshot is None:
        raise PolicyRefusedError("\n".join(problem.text for problem in loaded.problems))
    check(loaded.snapshot)
    seen = FileSeen(path, loaded.snapshot.digest, "", follows)
    started = await _added(store, loaded.snapshot, seen, clock, f"first policy, from {path}", 0)
    return msgspec.structs.replace(started, warnings=loaded.problems) if started is not None else None


async def _added(
    store: Store, snapshot: Snapshot, file: FileSeen, clock: SystemClock, why: str, expected: int, moved: Carried = NOTHING_CARRIED
) -> Started | None:
    commit = await asyncio.to_thread(commit_of, file.path)
    by = FILE_AUTHOR if file.follows else "serve"
    row = await store.add_policy(snapshot.source, snapshot.digest, why, by, clock.now(), expected, commit, carried=moved)
    if row is None:
        return None
    return Started(msgspec.structs.replace(snapshot, version=row.version, commit=commit), row, (), file)
