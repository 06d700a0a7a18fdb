"""Which database is meant, read from `--store`: as libpq writes it, and as it may be shown. It connects to none."""

from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import msgspec

_SHOWN: Final = ("sslmode", "sslrootcert", "search_path")
"""What of a URL's options says where a store is and how it is reached; others may be secret."""
_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
SCHEMES: Final = ("postgresql", "postgres")
INSTALL: Final = "pip install 'orchvynt[postgres]'"


class Target(msgspec.Struct, frozen=True):
    """`url` may hold a password; `shown` holds none, and is a URL that means the same."""

    url: str
    shown: str

    def __repr__(self) -> str:
        return f"Target({self.shown!r})"


def target(url: str) -> Target:
    """Raises ValueError, whose message holds nothing of the URL."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        query = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError as error:
        raise ValueError("it is no URL. Write postgresql://USER@HOST/DATABASE.") from error
    if parts.scheme not in SCHEMES:
        raise ValueError("it is no URL of PostgreSQL. Write postgresql://USER@HOST/DATABASE.")
    if parts.fragment:
        raise ValueError("a # stands in it. Write it as %23.")
    if "," in parts.netloc:
        raise ValueError("it names several hosts. Name the one that takes writes.")
    database = parts.path.removeprefix("/") or query.get("dbname", "") or query.get("database", "")
    if not database:
        raise ValueError("it names no database. Write postgresql://USER@HOST/DATABASE.")
    user = unquote(parts.username or query.get("user", ""))
    place = host or query.get("host", "") or "localhost"
    who = f"{quote(user)}@" if user else ""
    where = f"[{place}]" if ":" in place else quote(place, safe="/")
    told = [(name, query[name]) for name in query if name in _SHOWN and (name != "sslmode" or query[name] in _MODES)]
    shown = urlencode(told, safe="/")
    return Target(url, f"postgresql://{who}{where}{f':{port}' if port else ''}/{database}{f'?{shown}' if shown else ''}")
