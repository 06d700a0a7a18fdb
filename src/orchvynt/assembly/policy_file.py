"""Which policy a process starts with: the store's, or for an empty store the file's. And how the file differs since."""

from pathlib import Path

import msgspec

from orchvynt.adapters.clock import SystemClock
from orchvynt.language.compile import load
from orchvynt.language.problems import Problem
from orchvynt.language.snapshot import Snapshot
from orchvynt.ports.store import Store
from orchvynt.runtime.policies import compile_row

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


async def starting_snapshot(store: Store, path: str, clock: SystemClock) -> tuple[Snapshot, list[Problem]]:
    """The snapshot to serve, and the warnings of compiling it. The file seeds an empty store; afterwards the store is the truth."""
    rows = await store.policies()
    if rows:
        compiled = compile_row(rows[0])
        if not isinstance(compiled, Snapshot):
            raise PolicyRefusedError(
                f"Version {rows[0].version} of the store cannot be compiled by this build:\n" + "\n".join(one.text for one in compiled)
            )
        return compiled, []
    if not path:
        raise PolicyRefusedError("There is no policy yet. Run `orchvynt init`, or give --policy PATH.")
    text = read(path)
    loaded = load(text, path)
    if loaded.snapshot is None:
        raise PolicyRefusedError("\n".join(problem.text for problem in loaded.problems))
    row = await store.add_policy(text, loaded.snapshot.digest, f"first policy, from {path}", "serve", clock.now(), 0, "")
    assert row is not None, "the store was empty, and this process alone holds it"
    return msgspec.structs.replace(loaded.snapshot, version=row.version), list(loaded.problems)


def drift(path: str, current: Snapshot) -> str:
    """In words, how the file differs from the version in force; empty if it does not, or if there is none."""
    if not path:
        return ""
    try:
        loaded = load(read(path), path)
    except PolicyRefusedError as error:
        return f"the file cannot be read: {error}"
    if loaded.snapshot is None:
        return f"{path} has problems (see `orchvynt validate {path}`); version {current.version} is in force"
    if loaded.snapshot.digest == current.digest:
        return ""
    return f"{path} differs from version {current.version}, which is in force; `orchvynt apply {path}` would change it"
