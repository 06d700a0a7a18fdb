"""People and sessions over dicts, as the databases keep them."""

import msgspec

from orchvynt.adapters.memory.part import MemoryPart
from orchvynt.ports.people import PersonRow, SessionRow


class MemoryPeople(MemoryPart):
    """Implements ports.people.PeopleStore."""

    def __init__(self) -> None:
        super().__init__()
        self._people: dict[str, PersonRow] = {}
        self._sessions: dict[str, SessionRow] = {}

    async def people(self) -> list[PersonRow]:
        self._check_open()
        return [self._people[email] for email in sorted(self._people)]

    async def person(self, email: str) -> PersonRow | None:
        self._check_open()
        return self._people.get(email)

    async def add_person(self, person: PersonRow) -> bool:
        self._check_open()
        return self._people.setdefault(person.email, person) is person

    async def change_person(self, person: PersonRow, end_sessions: bool, keep: str = "") -> bool:
        self._check_open()
        known = self._people.get(person.email)
        if known is None or known.revision != person.revision - 1:
            return False
        self._people[person.email] = msgspec.structs.replace(person, login_at=known.login_at)
        if end_sessions:
            self._sessions = {sha256: row for sha256, row in self._sessions.items() if row.email != person.email or sha256 == keep}
        return True

    async def session(self, sha256: str) -> tuple[SessionRow, PersonRow] | None:
        self._check_open()
        found = self._sessions.get(sha256)
        return None if found is None else (found, self._people[found.email])

    async def add_session(self, session: SessionRow, revision: int, sessions_max: int) -> bool:
        self._check_open()
        person = self._people.get(session.email)
        if person is None or person.disabled or person.revision != revision:
            return False
        self._people[person.email] = msgspec.structs.replace(person, login_at=session.created_at)
        self._sessions[session.sha256] = session
        own = sorted((row.created_at, row.sha256) for row in self._sessions.values() if row.email == session.email)
        for _, sha256 in own[:-sessions_max]:
            del self._sessions[sha256]
        return True

    async def use_session(self, sha256: str, at: int) -> None:
        self._check_open()
        if (known := self._sessions.get(sha256)) is not None and known.used_at < at:
            self._sessions[sha256] = msgspec.structs.replace(known, used_at=at)

    async def end_session(self, sha256: str) -> bool:
        self._check_open()
        return self._sessions.pop(sha256, None) is not None

    async def forget_sessions(self, ended_before: int, used_before: int) -> None:
        self._check_open()
        kept = {sha256: row for sha256, row in self._sessions.items() if row.ends_at >= ended_before and row.used_at >= used_before}
        self._sessions = kept
