"""Foreign exceptions, mapped once: what asyncpg and the server say → a cause that an operator can act on. It retries nothing."""

from typing import Final

import asyncpg

from orchvynt.ports.store import StoreUnavailableError

_RUNNING: Final = "Who serves already goes on by itself."
_CUT: Final = ("the connection was cut", f"Look at the server and its log. {_RUNNING}")
_FOREIGN: Final = (
    "its tables are another program's, or half of ours",
    "Name an empty database or schema (search_path), or restore a backup.",
)
# By SQLSTATE, or its class of two characters: https://www.postgresql.org/docs/current/errcodes-appendix.html
_CAUSES: Final = {
    "25006": ("it is read-only", "Name the primary, not a standby."),
    "28": ("it refuses the login", "Check user, password (PGPASSWORD, ~/.pgpass) and pg_hba.conf."),
    "3D000": ("there is no such database", "Create it: createdb NAME."),
    "3F000": ("there is no such schema", "Create it, or take search_path out of --store."),
    "42501": ("a permission is missing", "Grant it, or let an owner run what `orchvynt migrate --print` prints."),
    "42P01": ("a table is missing", "Run `orchvynt migrate`."),
    "42P07": _FOREIGN,
    "42703": _FOREIGN,
    "42704": ("it does not know a setting that --store names", "Look at what stands behind the ? in it."),
    "53100": ("its disk is full", "Free space there; it goes on by itself."),
    "53300": ("it has no connection left", "Raise max_connections, or close others; it goes on by itself."),
    "55P03": ("another session holds a lock for long", "Look at pg_stat_activity; it goes on by itself."),
    "57014": ("it takes too long", "Look at its load and at pg_stat_activity; it goes on by itself."),
    "57P": ("it is stopping or starting", f"Try again once it runs. {_RUNNING}"),
    "08": _CUT,
    "XX": ("it reports a defect of its own", "Look into the server's log."),
}


def unavailable(error: Exception, store: str) -> StoreUnavailableError:
    """The message names the store, the cause, the server's own code and what to do; never a value that was written, nor a password."""
    if isinstance(error, asyncpg.PostgresError):
        code = str(getattr(error, "sqlstate", "") or "")
        cause, advice = next(
            (_CAUSES[key] for key in (code, code[:3], code[:2]) if key in _CAUSES),
            ("it refuses a statement", "See PostgreSQL's list of error codes."),
        )
        return StoreUnavailableError(f"the store {store} is unavailable: {cause} ({code} {type(error).__name__}). {advice}")
    if isinstance(error, TimeoutError):
        return StoreUnavailableError(f"the store {store} is unavailable: it does not answer in time. Look at its load. {_RUNNING}")
    if isinstance(error, OSError):
        why = error.strerror or type(error).__name__
        return StoreUnavailableError(
            f"the store {store} is unavailable: it cannot be reached ({why}). Start it, or look at --store. {_RUNNING}"
        )
    if isinstance(error, asyncpg.ClientConfigurationError | ValueError):
        # Its words may hold the URL.
        return StoreUnavailableError(
            f"the store {store} is unavailable: --store names what no client knows. Look at what stands behind the ? in it."
        )
    cause, advice = _CUT
    return StoreUnavailableError(f"the store {store} is unavailable: {cause} ({type(error).__name__}). {advice}")
