"""People and sessions in SQLite: what must happen together is one transaction."""

import asyncio
from typing import Any

import msgspec

from orchvynt.adapters.sql import Connection, Reading
from orchvynt.adapters.sqlite.queries import QUERIES
from orchvynt.adapters.sqlite.writer import Writer
from orchvynt.ports.people import PersonRow, SessionRow

_PERSON_COLUMNS = len(PersonRow.__struct_fields__)


class SqlitePeople:
    """Implements ports.people.PeopleStore over the store's own writer and reader."""

    _writer: Writer
    _reader: Reading

    async def people(self) -> list[PersonRow]:
        return [_person(row) for row in await self._reader.rows("people")]

    async def person(self, email: str) -> PersonRow | None:
        rows = await self._reader.rows("person", email)
        return _person(rows[0]) if rows else None

    async def add_person(self, person: PersonRow) -> bool:
        def work(connection: Connection) -> bool:
            return connection.execute(QUERIES["add_person"], msgspec.structs.astuple(person)).rowcount > 0

        return await asyncio.wrap_future(self._writer.submit(work))

    async def change_person(self, person: PersonRow, end_sessions: bool, keep: str = "") -> bool:
        def work(connection: Connection) -> bool:
            values = msgspec.structs.asdict(person)
            if not connection.execute(QUERIES["change_person"], values).rowcount:
                return False
            if end_sessions:
                connection.execute(QUERIES["end_sessions"], (person.email, keep))
            return True

        return await asyncio.wrap_future(self._writer.submit(work))

    async def session(self, sha256: str) -> tuple[SessionRow, PersonRow] | None:
        rows = await self._reader.rows("session", sha256)
        return (_session(rows[0][_PERSON_COLUMNS:]), _person(rows[0][:_PERSON_COLUMNS])) if rows else None

    async def add_session(self, session: SessionRow, revision: int, sessions_max: int) -> bool:
        groups = msgspec.json.encode(session.groups).decode()

        def work(connection: Connection) -> bool:
            if not connection.execute(QUERIES["log_in"], (session.created_at, session.email, revision)).rowcount:
                return False
            connection.execute(QUERIES["add_session"], (*msgspec.structs.astuple(session)[:-1], groups))
            connection.execute(QUERIES["end_oldest_sessions"], (session.email, sessions_max))
            return True

        return await asyncio.wrap_future(self._writer.submit(work))

    async def use_session(self, sha256: str, at: int) -> None:
        await asyncio.wrap_future(self._writer.submit(lambda connection: connection.execute(QUERIES["use_session"], (sha256, at)).rowcount))

    async def end_session(self, sha256: str) -> bool:
        ended = self._writer.submit(lambda connection: connection.execute(QUERIES["end_session"], (sha256,)).rowcount > 0)
        return await asyncio.wrap_future(ended)

    async def forget_sessions(self, ended_before: int, used_before: int) -> None:
        values = (ended_before, used_before)
        await asyncio.wrap_future(self._writer.submit(lambda connection: connection.execute(QUERIES["forget_sessions"], values).rowcount))


def _person(row: tuple[Any, ...]) -> PersonRow:
    email, name, role, created_at, created_by, disabled, *rest = row
    return PersonRow(email, name, role, created_at, created_by, bool(disabled), *rest)


def _session(row: tuple[Any, ...]) -> SessionRow:
    sha256, email, how, program, created_at, used_at, ends_at, groups = row
    return SessionRow(sha256, email, how, bool(program), created_at, used_at, ends_at, msgspec.json.decode(groups, type=tuple[str, ...]))
