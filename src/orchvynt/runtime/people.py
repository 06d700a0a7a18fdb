"""People and their sessions: who a session's id stands for now, and how each comes and goes. The store is asked each time, so that whoever
is disabled is out with the next request. Ids and passwords are never kept, shown or told."""

import asyncio
import contextlib
import hashlib
import secrets
from typing import Final, Literal

import msgspec

from orchvynt.decisions.people.changes import barred, orphaning
from orchvynt.decisions.people.id_tokens import Identity
from orchvynt.decisions.people.lasting import BROWSER, PROGRAM, TOUCH_NS, is_over, lasting
from orchvynt.decisions.people.passwords import BYTES_MAX, unfit
from orchvynt.model.faults import Fault
from orchvynt.model.roles import Role
from orchvynt.ports.clock import Clock
from orchvynt.ports.passwords import Passwords, TooBusyError
from orchvynt.ports.people import How, PersonRow, SessionRow
from orchvynt.ports.store import Store, StoreUnavailableError

PREFIX: Final = "ovs-"
ID_BYTES: Final = 32
PEOPLE_MAX: Final = 10_000
SESSIONS_PER_PERSON_MAX: Final = 20
NAME_CHARS_MAX: Final = 200
FORGET_EACH_S: Final = 600.0
WRONG: Final = Fault(
    "unauthorized",
    "The e-mail address or the password is wrong, or this person may not log in.",
    "An admin can set a new password: orchvynt people password EMAIL.",
)
BUSY: Final = Fault("overloaded", "Too many passwords are being checked.", "Try again in a moment.", retry_after_seconds=2)


class Entered(msgspec.Struct, frozen=True):
    """A new session. `id` stands here and nowhere else; whoever holds this hands it over and lets go."""

    person: PersonRow
    session: SessionRow
    id: str


class Wanted(msgspec.Struct, frozen=True):
    """What is to be changed of a person; None leaves it. `unlink` forgets which account of the identity provider is theirs."""

    name: str | None = None
    role: Role | None = None
    disabled: bool | None = None
    password: str | None = None
    unlink: bool = False


def digest(session_id: str) -> str:
    """What is stored of a session's id: its SHA-256 in hex. The ids are random, so no salt or slow hash is needed."""
    return hashlib.sha256(session_id.encode("utf-8", "surrogatepass")).hexdigest()


class People:
    """Of one process."""

    def __init__(self, store: Store, clock: Clock, passwords: Passwords) -> None:
        self._store = store
        self._clock = clock
        self._passwords = passwords
        # One change at a time, so that two admins do not disable each other at once and leave nobody.
        self._changing = asyncio.Lock()

    async def recognise(self, session_id: str, program: bool) -> tuple[SessionRow, PersonRow] | None:
        """The session of this id and its person, unless it is over. `program`: it came as a token and not as a cookie."""
        found = await self._store.session(digest(session_id))
        now = self._clock.now()
        if found is None or found[1].disabled or found[0].program != program:
            return None
        if is_over(program, found[0].used_at, found[0].ends_at, now):
            await self._store.end_session(found[0].sha256)
            return None
        if now - found[0].used_at >= TOUCH_NS:
            await self._store.use_session(found[0].sha256, now)
        return found

    async def check(self, email: str | None, password: str) -> PersonRow | Fault:
        """The person of this address and password. Takes as long, and says the same, whatever is wrong. `email` None: it was no address."""
        person = await self._store.person(email) if email is not None else None
        hashed = person.password if person is not None and not person.disabled else ""
        if len(password.encode(errors="surrogatepass")) > BYTES_MAX:
            password, hashed = "", ""
        try:
            if not await self._passwords.matches(password, hashed) or person is None:
                return WRONG
            if self._passwords.outdated(hashed):
                person = await self._rehashed(person, password)
        except TooBusyError:
            return BUSY
        return person

    async def enter(self, person: PersonRow, how: How, program: bool, groups: tuple[str, ...] = ()) -> Entered | Fault:
        """Begins a session, if the person still is as it was when it was checked."""
        now = self._clock.now()
        session_id = PREFIX + secrets.token_urlsafe(ID_BYTES)
        ends_at = now + lasting(program).whole_ns
        session = SessionRow(digest(session_id), person.email, how, program, now, now, ends_at, groups)
        if not await self._store.add_session(session, person.revision, SESSIONS_PER_PERSON_MAX):
            return WRONG
        return Entered(person, session, session_id)

    async def leave(self, session: SessionRow) -> None:
        await self._store.end_session(session.sha256)

    async def add(self, own: Role, person: PersonRow, password: str) -> PersonRow | Fault:
        """A new person; an empty password is none. `own` is the role of who adds."""
        fault = barred(own, None, person.role) or _unfit_name(person.name) or (unfit(password, person.email) if password else None)
        if fault is not None:
            return fault
        async with self._changing:
            if len(await self._store.people()) >= PEOPLE_MAX:
                return Fault("conflict", f"There are {PEOPLE_MAX:,} people already.", "No further one can be added.")
            hashed = await self._hashed(password)
            if isinstance(hashed, Fault):
                return hashed
            person = msgspec.structs.replace(person, password=hashed)
            if not await self._store.add_person(person):
                help_text = f"See it with `orchvynt people list`; a role is changed with `orchvynt people role {person.email} ROLE`."
                return Fault("conflict", f"There is a person {person.email} already.", help_text, param="email")
            return person

    async def change(self, own: Role, email: str, wanted: Wanted) -> PersonRow | Fault:
        """As the role `own` may. To disable, a new password and an unlinked account end all sessions."""
        async with self._changing:
            person = await self._store.person(email)
            if person is None:
                return Fault("not_found", f"There is no person {email}.", "`orchvynt people list` shows them.", param="email")
            role, disabled = wanted.role or person.role, person.disabled if wanted.disabled is None else wanted.disabled
            name = person.name if wanted.name is None else wanted.name
            fault = barred(own, person.role, role) or _unfit_name(name)
            fault = fault or (unfit(wanted.password, email) if wanted.password is not None else None)
            fault = fault or await self._orphaning(person, role == "admin" and not disabled)
            if fault is not None:
                return fault
            hashed = person.password if wanted.password is None else await self._hashed(wanted.password)
            if isinstance(hashed, Fault):
                return hashed
            role_from: Literal["here", "oidc"] = "here" if wanted.role is not None else person.role_from
            provider = "" if wanted.unlink else person.provider
            after = msgspec.structs.replace(
                person, name=name, role=role, disabled=disabled, password=hashed, provider=provider, role_from=role_from
            )
            ends = disabled or wanted.password is not None or wanted.unlink
            return await self._put(after, ends, "")

    async def own_password(self, session: SessionRow, person: PersonRow, old: str, new: str) -> PersonRow | Fault:
        """Ends all sessions but the one that asks."""
        if fault := unfit(new, person.email):
            return fault
        checked = await self.check(person.email, old)
        if isinstance(checked, Fault):
            return _old_is_wrong() if checked is WRONG else checked
        hashed = await self._hashed(new)
        if isinstance(hashed, Fault):
            return hashed
        return await self._put(msgspec.structs.replace(checked, password=hashed), True, session.sha256)

    async def by_provider(self, identity: Identity, issuer: str, role: Role | None) -> PersonRow | Fault:
        """The person of this address, who is made at the first such login. `role` is what the provider's groups give; None: nothing, and
        only who is here already comes in. An address is bound to one account of the provider: addresses are given to others in time."""
        account = f"{issuer} {identity.subject}"
        async with self._changing:
            person = await self._store.person(identity.email)
            if person is None:
                if role is None:
                    return Fault("forbidden", "No group of this account may come in here.", "Ask whoever runs this server for a group.")
                made = PersonRow(identity.email, identity.name, role, self._clock.now(), "oidc", provider=account, role_from="oidc")
                return made if await self._store.add_person(made) else _changed(identity.email)
            if person.disabled:
                return Fault("forbidden", f"{identity.email} is disabled here.", "Ask whoever runs this server.")
            if person.provider not in ("", account):
                said = f"{identity.email} belongs to another account of the identity provider."
                return Fault("forbidden", said, f"If it was given to you since, an admin runs: orchvynt people unlink {identity.email}.")
            after = msgspec.structs.replace(person, provider=account)
            if person.role_from == "oidc":
                if role is None:
                    return Fault("forbidden", "No group of this account may come in here any more.", "Ask whoever runs this server.")
                after = msgspec.structs.replace(after, role=role)
            return person if after == person else await self._put(after, False, "")

    async def run(self) -> None:
        """Forgets, every few minutes, the sessions that are over."""
        while True:
            now = self._clock.now()
            # While it cannot be written: they open nothing, and are forgotten the next time.
            with contextlib.suppress(StoreUnavailableError):
                await self._store.forget_sessions(now, now - max(BROWSER.idle_ns, PROGRAM.idle_ns))
            await asyncio.sleep(FORGET_EACH_S)

    async def _hashed(self, password: str) -> str | Fault:
        try:
            return await self._passwords.hash(password) if password else ""
        except TooBusyError:
            return BUSY

    async def _rehashed(self, person: PersonRow, password: str) -> PersonRow:
        after = msgspec.structs.replace(person, password=await self._passwords.hash(password), revision=person.revision + 1)
        return after if await self._store.change_person(after, end_sessions=False) else person

    async def _orphaning(self, person: PersonRow, is_admin: bool) -> Fault | None:
        was_admin = person.role == "admin" and not person.disabled
        if not was_admin or is_admin:
            return None
        admins = [other for other in await self._store.people() if other.role == "admin" and not other.disabled]
        return orphaning(person.email, was_admin, is_admin, len(admins) - 1)

    async def _put(self, person: PersonRow, end_sessions: bool, keep: str) -> PersonRow | Fault:
        after = msgspec.structs.replace(person, revision=person.revision + 1)
        if await self._store.change_person(after, end_sessions, keep):
            return after
        return _changed(person.email)


def _unfit_name(name: str) -> Fault | None:
    if len(name) <= NAME_CHARS_MAX and name.isprintable():
        return None
    return Fault("invalid_request", f"A name is at most {NAME_CHARS_MAX} printable characters.", "Write it shorter.", param="name")


def _changed(email: str) -> Fault:
    return Fault("conflict", f"{email} was changed by somebody else meanwhile.", "Look at it, then try again.")


def _old_is_wrong() -> Fault:
    return Fault("forbidden", "The password that was given as the old one is wrong.", "An admin can set a new one.", param="old")
