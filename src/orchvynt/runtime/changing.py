"""Puts policies in force, one after the other: checked apart, refused in words, written durably, then served by one assignment."""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from orchvynt.decisions.reviews.cases import Voter
from orchvynt.language.bindings import new_bindings
from orchvynt.language.compile import secret_refs
from orchvynt.language.holding import stream_lines
from orchvynt.language.snapshot import Snapshot
from orchvynt.language.weakening import weakened
from orchvynt.model.facts import Choice
from orchvynt.model.faults import Fault
from orchvynt.ports.changes import ChangeRow
from orchvynt.ports.checking import Checking, CheckingUnavailableError, Compared
from orchvynt.ports.clock import Clock, Ids
from orchvynt.ports.secrets import SecretMissingError, Secrets
from orchvynt.ports.store import PolicyRow, Store
from orchvynt.runtime.change_words import about_spending, crowded, not_checked, overtaken
from orchvynt.runtime.changes import ChangeReviews, approved
from orchvynt.runtime.control import About, Applied, Change, Changed, Checked, Replica, Rollback, Version
from orchvynt.runtime.others import Nobody, Others
from orchvynt.runtime.policies import Policies, carrying, file_of, numbered

FILE_AUTHOR: Final = "file"
ALONE: Final = Nobody()
TRIES: Final = 16
"""So often another process may be faster."""

Announce = Callable[[Applied], None]
"""Tells everybody that the glass was broken."""


class Changing:
    """Whoever changes the policy goes through here: operators by apply and rollback, a watched file by itself."""

    def __init__(
        self,
        policies: Policies,
        store: Store,
        checking: Checking,
        secrets: Secrets,
        clock: Clock,
        about: About,
        ids: Ids,
        announce: Announce = lambda _: None,
        others: Others = ALONE,
    ) -> None:
        self.policies = policies
        self.store = store
        self.checking = checking
        self.secrets = secrets
        self.clock = clock
        self.about = about
        self.waiting = ChangeReviews(store, clock, ids)
        self.announce = announce
        self.others = others
        self._one_at_a_time = asyncio.Lock()
        self._deciding = asyncio.Lock()

    async def apply(self, change: Change) -> Changed:
        if fault := await self._kept_by_file(change.for_ns):
            return fault
        try:
            loaded = await self.checking.load(change.yaml, change.file)
        except CheckingUnavailableError as error:
            return not_checked(error)
        if loaded.snapshot is None:
            return list(loaded.problems)
        await self.others.catch_up()
        told = (*loaded.problems, *about_spending(self.policies.current, loaded.snapshot, change.file))
        done = await self._put_in_force(loaded.snapshot, change)
        return msgspec.structs.replace(done, warnings=told) if isinstance(done, Applied) else done

    async def rollback(self, asked: Rollback) -> Changed:
        if fault := await self._kept_by_file(asked.for_ns):
            return fault
        await self.others.catch_up()
        target = await self._target(asked.version)
        if isinstance(target, Fault):
            return target
        try:
            compiled = numbered(await self.checking.load(target.yaml, file_of(target)), target)
        except CheckingUnavailableError as error:
            return not_checked(error)
        if not isinstance(compiled, Snapshot):
            return compiled
        why = asked.message or f"rollback to version {target.version}"
        change = Change(
            target.yaml,
            why,
            asked.by,
            asked.may_bind,
            self.policies.current.version,
            target.commit,
            asked.for_ns,
            file_of(target),
            asked.break_glass,
        )
        return await self._put_in_force(compiled, change)

    async def follow(self, snapshot: Snapshot, text: str, why: str, commit: str) -> Applied | ChangeRow | Fault | None:
        """What a watched file says now. Who may write the file may do what an admin may. None where another process that watches it has
        put it in force meanwhile."""
        change = Change(text, why, FILE_AUTHOR, True, None, commit)
        async with self._one_at_a_time:
            done = await self._tried(snapshot, change, "", follows=True)
        return await self._acknowledged(done) if done is not None else None

    async def decide(self, change: str, voter: Voter, choice: Choice, reason: str) -> Changed:
        """One vote on a change that waits; the last approval that was missing puts it in force, as its author asked."""
        async with self._deciding:
            await self.others.catch_up()
            voted = await self.waiting.vote(change, voter, choice, reason, self.policies.current.version)
            if not isinstance(voted, ChangeRow) or not approved(voted):
                return voted
            if voted.digest == self.policies.current.digest and voted.base != self.policies.current.version:
                # The server stopped after it was in force and before that was written here.
                return await self.waiting.close(voted, "approved", voter.by, reason, self.policies.current.version)
            row = await self.store.change(change)
            assert row is not None
            try:
                loaded = await self.checking.load(row.yaml, row.file)
            except CheckingUnavailableError as error:
                return not_checked(error)
            if loaded.snapshot is None:
                return list(loaded.problems)
            people = ", ".join(one.by for one in voted.votes)
            asked = Change(
                row.yaml,
                f"{row.message} ({change} approved by {people})",
                row.author,
                row.may_bind,
                row.base,
                row.commit,
                row.for_ns,
                row.file,
            )
            done = await self._put_in_force(loaded.snapshot, asked, approved=change)
            if isinstance(done, Applied):
                await self.waiting.close(voted, "approved", voter.by, reason, done.row.version)
            return done

    async def validate(self, yaml: str, file: str) -> Checked | Fault:
        """Everything that is wrong with a text, and what its author should know; nothing is changed."""
        try:
            loaded = await self.checking.load(yaml, file)
        except CheckingUnavailableError as error:
            return not_checked(error)
        if loaded.snapshot is None:
            return Checked(loaded.problems)
        told = about_spending(self.policies.current, loaded.snapshot, file)
        bindings = new_bindings(self.policies.current, loaded.snapshot)
        return Checked((*loaded.problems, *told), tuple(one.text for one in bindings), stream_lines(loaded.snapshot))

    async def compare(self, old: Version, new: Version | tuple[str, str]) -> Compared | Fault:
        """A version (None: the one in force) with another one, or with a text under the name of its file."""
        before = await self._text(old)
        if isinstance(before, Fault):
            return before
        after = new if isinstance(new, tuple) else await self._text(new)
        if isinstance(after, Fault):
            return after
        try:
            return await self.checking.compare(before, after)
        except CheckingUnavailableError as error:
            return not_checked(error)

    async def _put_in_force(self, snapshot: Snapshot, change: Change, approved: str = "") -> Applied | ChangeRow | Fault:
        """`approved` is the change that people have approved, empty where nobody had to."""
        async with self._one_at_a_time:
            done = await self._tried(snapshot, change, approved)
        assert done is not None, "nobody follows a file"
        return await self._acknowledged(done)

    async def _tried(self, snapshot: Snapshot, change: Change, approved: str, follows: bool = False) -> Applied | ChangeRow | Fault | None:
        """Where another process was faster, this one is compared with its version first. None where that says what a file `follows`."""
        for _ in range(TRIES):
            await self.others.catch_up()
            if follows and self.others.there and snapshot.digest == self.policies.current.digest:
                return None
            if (done := await self._written(snapshot, change, approved)) is not None:
                return done
        return crowded()

    async def _acknowledged(self, done: Applied | ChangeRow | Fault) -> Applied | ChangeRow | Fault:
        """With who serves it, where it is in force."""
        if not isinstance(done, Applied):
            return done
        row = done.row
        own = Replica(self.about.name, row.version, row.digest, row.applied_at)
        return msgspec.structs.replace(done, replicas=(own, *await self.others.told(row.version)))

    async def _written(self, snapshot: Snapshot, change: Change, approved: str) -> Applied | ChangeRow | Fault | None:
        """None where another process was faster."""
        # INVARIANT: compared with what is in force when this one takes its place, not with what was when it was asked for, nor with what
        # another process puts in force meanwhile.
        base = self.policies.current
        if fault := self._refused(snapshot, change.may_bind):
            return fault
        weakens = () if approved else weakened(base, snapshot)
        is_other = change.expected is not None and change.expected != base.version
        if weakens and not change.break_glass:
            return overtaken(base.version, change.expected) if is_other else await self.waiting.ask(snapshot, change, base, weakens)
        if fault := await self.others.fault(change.yaml, change.file):
            return fault
        at = self.clock.now()
        until = at + change.for_ns if change.for_ns else 0
        moved = carrying(base.budgets, snapshot.budgets)
        expected = base.version if self.others.there and not is_other else change.expected
        row = await self.store.add_policy(
            change.yaml, snapshot.digest, change.message, change.by, at, expected, change.commit, until, moved
        )
        if row is None:
            return overtaken(self.policies.current.version, change.expected) if change.expected is not None else None
        if row.version > self.policies.current.version or not self.others.there:
            self.policies.put_in_force(msgspec.structs.replace(snapshot, version=row.version, commit=row.commit), row)
            self.about.applied(self.policies.current)
        await self.waiting.overtake(self.policies.current, approved)
        done = Applied(row, weakened=weakens)
        if weakens:
            self.announce(done)
        return done

    def _refused(self, snapshot: Snapshot, may_bind: bool) -> Fault | None:
        """In this order: who may not bind a secret does not learn which of them are here."""
        if why := self.about.unfit(snapshot):
            return Fault("policy_invalid", f"The policy cannot be served from here, so nothing was applied: {why}")
        bindings = () if may_bind else new_bindings(self.policies.current, snapshot)
        if bindings:
            reached = "; ".join(one.text for one in bindings)
            return Fault(
                "forbidden",
                f"This sends requests or secrets where they did not go before, which needs the role admin: {reached}.",
                "Let an admin apply it.",
                detail={"addresses": sorted({one.where for one in bindings}), "bindings": [one.text for one in bindings]},
            )
        missing = missing_secrets(self.secrets, snapshot)
        if not missing:
            return None
        what = "a secret" if len(missing) == 1 else f"{len(missing)} secrets"
        said = f"The policy names {what} that this server cannot resolve, so nothing was applied. {missing[0]}"
        return Fault("policy_invalid", said, param="yaml", detail={"secrets": missing})

    async def _kept_by_file(self, for_ns: int) -> Fault | None:
        """A watched file is the truth, whichever process watches it; who wants something else says for how long."""
        file = self.policies.file
        path = file.path if file is not None and file.follows else await self.others.follower()
        if not path:
            if not for_ns:
                return None
            said = "No file is watched here, so there is none that would take over again."
            return Fault("invalid_request", said, "Leave --until out.", param="until")
        if for_ns:
            return None
        return Fault(
            "conflict",
            f"{path} is watched (serve --watch), so it is the truth, and this would be undone by its next change.",
            "Change the file; or give --until DURATION, such as --until 2h, after which the file takes over again.",
        )

    async def _target(self, version: int | None) -> PolicyRow | Fault:
        """The version to go back to, with its text."""
        current = self.policies.current
        wanted = version
        if wanted is None:
            differs = (row.version for row in await self.store.policies() if row.version < current.version and row.digest != current.digest)
            wanted = next(differs, None)
        row = await self.store.policy(wanted) if wanted is not None else None
        if row is None:
            asked = f"version {version}" if version is not None else "earlier version that differs"
            return Fault("not_found", f"The history has no {asked}.", "See `orchvynt history`.")
        if row.version == current.version:
            return Fault("conflict", f"Version {row.version} is in force already.", "See `orchvynt history`.")
        if row.digest == current.digest:
            said = f"Version {row.version} says the same as version {current.version}, which is in force."
            return Fault("conflict", said, "See `orchvynt history`.")
        return row

    async def _text(self, version: Version) -> tuple[str, str] | Fault:
        row = await self.store.policy(version if version is not None else self.policies.current.version)
        if row is None:
            return Fault("not_found", f"There is no policy version {version}.", "See `orchvynt history`.", param="version")
        return row.yaml, file_of(row)


def missing_secrets(secrets: Secrets, snapshot: Snapshot) -> list[str]:
    """Why each reference that cannot be resolved here cannot: sentences without values."""
    missing = []
    for ref in secret_refs(snapshot):
        try:
            secrets.resolve(ref)
        except SecretMissingError as error:
            missing.append(str(error))
    return missing
