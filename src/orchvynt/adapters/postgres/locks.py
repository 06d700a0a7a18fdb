"""The server's advisory locks: who serves, who is which process, who changes the schema. The server lets go of them with the session."""

from typing import Final
from zlib import crc32

from orchvynt.adapters.postgres.session import Session
from orchvynt.ports.store import StoreInUseError, StoreUnavailableError

SERVING: Final = 0x4F56594E  # "OVYN"
CHANGING: Final = SERVING + 1
PROCESS: Final = SERVING + 2

_HOLDER: Final = """
SELECT activity.application_name FROM pg_locks JOIN pg_stat_activity AS activity ON activity.pid = pg_locks.pid
WHERE locktype = 'advisory' AND granted AND classid::bigint = $1 AND objid::bigint = $2 LIMIT 1
""".strip()


def serve_alone(session: Session) -> None:
    """Nobody else serves, until the session ends. Raises StoreInUseError (names a holder), StoreUnavailableError."""
    number = _number(session)
    if not _taken(session, "pg_try_advisory_lock", SERVING, number):
        raise StoreInUseError(f"the store {session.shown} is in use by {_holder(session, SERVING, number)}. Stop who serves from it first.")


def serve_as(session: Session, process: str) -> None:
    """Beside other processes, as this one and nobody else, until the session ends. Raises StoreInUseError, StoreUnavailableError."""
    number = _number(session)
    if not _taken(session, "pg_try_advisory_lock_shared", SERVING, number):
        raise StoreInUseError(
            f"the store {session.shown} is in use by {_holder(session, SERVING, number)}, which changes it, or is of a build that serves "
            "alone. Wait for it, or stop it."
        )
    own = _signed(crc32(process.encode(), number % (1 << 32)))
    if not _taken(session, "pg_try_advisory_lock", PROCESS, own):
        raise StoreInUseError(f"the journal of process {process} is in use by {_holder(session, PROCESS, own)}. Stop that one first.")


def change_alone(session: Session) -> None:
    """Waits, then until the transaction ends. Raises StoreUnavailableError."""
    session.execute("SELECT pg_advisory_xact_lock($1, $2)", (CHANGING, _number(session)))


def _taken(session: Session, how: str, kind: int, number: int) -> bool:
    (taken,) = session.execute(f"SELECT {how}($1, $2)", (kind, number)).fetchone() or (False,)
    return bool(taken)


def _holder(session: Session, kind: int, number: int) -> str:
    holder = session.execute(_HOLDER, (kind, number % (1 << 32))).fetchone()
    return str(holder[0]) if holder is not None and holder[0] else "another process"


def _number(session: Session) -> int:
    """Of the schema that the store is in, for several may share a database: 32 bits, with sign."""
    (schema,) = session.execute("SELECT current_schema()::text").fetchone() or (None,)
    if schema is None:
        raise StoreUnavailableError(f"the store {session.shown} is unavailable: there is no such schema. Create it, or change search_path.")
    return _signed(crc32(str(schema).encode()))


def _signed(number: int) -> int:
    return number - (1 << 32) if number >= 1 << 31 else number
