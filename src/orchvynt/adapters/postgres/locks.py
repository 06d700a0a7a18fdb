"""The server's advisory locks: one process serves from a store, one changes its schema. The server lets go of them with the session."""

from typing import Final
from zlib import crc32

from orchvynt.adapters.postgres.session import Session
from orchvynt.ports.store import StoreInUseError, StoreUnavailableError

SERVING: Final = 0x4F56594E  # "OVYN"
CHANGING: Final = SERVING + 1

_HOLDER: Final = """
SELECT activity.application_name FROM pg_locks JOIN pg_stat_activity AS activity ON activity.pid = pg_locks.pid
WHERE locktype = 'advisory' AND granted AND classid::bigint = $1 AND objid::bigint = $2
""".strip()


def serve_alone(session: Session) -> None:
    """Until the session ends. Raises StoreInUseError (names the holder), StoreUnavailableError."""
    number = _number(session)
    (taken,) = session.execute("SELECT pg_try_advisory_lock($1, $2)", (SERVING, number)).fetchone() or (False,)
    if not taken:
        holder = session.execute(_HOLDER, (SERVING, number % (1 << 32))).fetchone()
        who = str(holder[0]) if holder is not None and holder[0] else "another process"
        raise StoreInUseError(
            f"the store {session.shown} is in use by {who}. In PostgreSQL, too, this build serves from a store with one process. Stop that "
            "one, or name another database or search_path with --store."
        )


def change_alone(session: Session) -> None:
    """Waits, then until the transaction ends. Raises StoreUnavailableError."""
    session.execute("SELECT pg_advisory_xact_lock($1, $2)", (CHANGING, _number(session)))


def _number(session: Session) -> int:
    """Of the schema that the store is in, for several may share a database: 32 bits, with sign."""
    (schema,) = session.execute("SELECT current_schema()::text").fetchone() or (None,)
    if schema is None:
        raise StoreUnavailableError(f"the store {session.shown} is unavailable: there is no such schema. Create it, or change search_path.")
    number = crc32(str(schema).encode())
    return number - (1 << 32) if number >= 1 << 31 else number
