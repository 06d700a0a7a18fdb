"""Looks after the file given to --policy: follows it where it is the truth (`--watch`), else says how it differs from what is in force."""

import asyncio
import sys
import traceback
from collections.abc import Callable
from typing import Final

from orchvynt.language.compile import Loaded
from orchvynt.language.problems import Problem
from orchvynt.language.snapshot import Snapshot
from orchvynt.model.faults import Fault
from orchvynt.ports.changes import ChangeRow
from orchvynt.ports.checking import CheckingUnavailableError
from orchvynt.ports.store import AuditRow, PolicyRow, StoreUnavailableError
from orchvynt.ports.watched import FileUnreadableError, WatchedFile
from orchvynt.runtime.changing import FILE_AUTHOR, Changing
from orchvynt.runtime.policies import FileSeen

LOOK_S: Final = 1.0
# What may pass by itself (a store that is away, a secret that is on its way) is tried again.
AGAIN_NS: Final = 1_000_000_000
NEVER: Final = 1 << 62


class Watching:
    """One file. `tell` writes a line to the log."""

    def __init__(self, file: WatchedFile, changing: Changing, follows: bool, tell: Callable[[str], None]) -> None:
        self.file = file
        self.changing = changing
        self.policies = changing.policies
        self.follows = follows
        self.tell = tell
        self._stamp: object = None
        self._again_at = NEVER
        self._said = ""

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                await self.look()
            except Exception:  # noqa: BLE001 - a loop top: a defect at one look must not end the looking
                sys.stderr.write(f"orchvynt: looking at {self.file.path} failed\n{traceback.format_exc()}")
            await self.file.wait(LOOK_S)

    async def look(self) -> None:
        """Takes over what changed, if anything did."""
        stamp = await asyncio.to_thread(self.file.stamp)
        now = self.changing.clock.now()
        if stamp == self._stamp and now < self._again_at and not self._turn_of_file(now):
            return
        self._stamp, self._again_at = stamp, NEVER
        try:
            text = await self.file.read()
        except FileUnreadableError as error:
            await self._trouble(str(error))
            return
        # What was read may be younger than the stamp; then the next look reads it once more.
        if text == self.policies.current.source:
            self._seen(self.policies.current.digest)
            self._say("")
            return
        try:
            loaded = await self.changing.checking.load(text, self.file.path)
        except CheckingUnavailableError as error:
            await self._trouble(f"{self.file.path} could not be checked: {error}", passes=True)
            return
        await self._understood(text, loaded)

    async def _understood(self, text: str, loaded: Loaded) -> None:
        if loaded.snapshot is None:
            errors = [problem for problem in loaded.problems if problem.severity == "error"]
            await self._trouble(f"{self.file.path} is broken: {_place(errors[0])}", tuple(errors))
            return
        self._seen(loaded.snapshot.digest)
        if loaded.snapshot.digest == self.policies.current.digest:
            self._say("")
        elif not self.follows or self.policies.row.until > self.changing.clock.now():
            self._say(f"warning: {self.policies.drift(self.changing.clock.now())}")
        else:
            await self._follow(loaded.snapshot, text)

    async def _follow(self, snapshot: Snapshot, text: str) -> None:
        changing, path = self.changing, self.file.path
        why = f"{path} takes over again" if self.policies.row.until else f"changed in {path}"
        try:
            done = await changing.follow(snapshot, text, why, await self.file.commit())
        except StoreUnavailableError as error:
            await self._trouble(f"{path} cannot be put in force: {error}", passes=True)
            return
        if done is None:
            self._say("")
            return
        if isinstance(done, Fault):
            await self._trouble(f"{path} cannot be put in force: {done.message}", passes=True)
            return
        if isinstance(done, ChangeRow):
            await self._trouble(f"{path} weakens what is protected ({done.weakens[0]}), so it waits as {done.change} for {done.approvers}")
            return
        self._say("")
        self.tell(f"{path} changed: serving policy version {done.row.version}")
        await self._note("policy.apply", why, done.row)

    def _turn_of_file(self, now: int) -> bool:
        """What was applied over the file for a while has had its while."""
        file, row = self.policies.file, self.policies.row
        return self.follows and file is not None and not file.trouble and 0 < row.until <= now and file.digest != row.digest

    def _seen(self, digest: str) -> None:
        self.policies.file = FileSeen(self.file.path, digest, "", self.follows)

    async def _trouble(self, why: str, problems: tuple[Problem, ...] = (), passes: bool = False) -> None:
        """The last good one stays; why is in the log, in the status and, where the file is the truth, on record."""
        self.policies.file = FileSeen(self.file.path, "", why, self.follows)
        if passes:
            self._again_at = self.changing.clock.now() + AGAIN_NS
        if why == self._said:
            return
        self._said = why
        self.tell("\n".join([f"warning: {self.policies.drift(self.changing.clock.now())}", *(problem.text for problem in problems)]))
        if self.follows:
            await self._note("policy.apply refused", why, None)

    def _say(self, words: str) -> None:
        """Each thing once, until it changes."""
        if words != self._said and words.startswith("warning: "):
            self.tell(words)
        self._said = words

    async def _note(self, what: str, why: str, row: PolicyRow | None) -> None:
        subject = f"version {row.version}" if row is not None else self.file.path
        try:
            await self.changing.store.audit(AuditRow(self.changing.clock.now(), FILE_AUTHOR, what, why[:2_000], subject[:2_000]))
        except StoreUnavailableError as error:
            self.tell(f"warning: the audit could not be written: {error}")


def _place(problem: Problem) -> str:
    return f"{problem.file}:{problem.line}:{problem.column}: {problem.message}"
