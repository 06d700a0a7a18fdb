"""Secrets that are planted in every served process, and the search for them in whatever comes out of it.

What is found fails the test at once: a secret leaves in no answer, output, log, store page or journal.
"""

import base64
import sqlite3
from contextlib import closing
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

ADMIN_TOKEN: Final = "test-admin-token"

PLANTED: Final = MappingProxyType(
    {
        "TEST_API_KEY": "sk-canary-upstream-key",
        "ORCHVYNT_ADMIN_TOKEN": ADMIN_TOKEN,
        # Signs webhooks.
        "HOOK_SECRET": "whsec_Y2FuYXJ5LWhvb2stc2VjcmV0LTI0LWI=",
        # No policy names these: nothing may even read them.
        "PLANTED_API_KEY": "sk-canary-planted-7f3a91c2",
        "PLANTED_TOKEN": "canary-planted-token-5d0e",
        "PLANTED_SECRET": "canary-planted-secret-b81c",
        "PLANTED_URL": "https://canary-user:canary-password-44aa@planted.example/v1",
        "PLANTED_PLAIN": "canary-planted-plain-c0de",
    }
)


class LeakedError(AssertionError):
    """A planted secret came out. The message names it by its variable."""


def _spellings(value: str) -> tuple[bytes, ...]:
    """As it is, in an address, in base64 wherever it begins, and escaped as JSON would."""
    raw = value.encode()
    encoded = [base64.b64encode(b"x" * skipped + raw)[4 * bool(skipped) :].rstrip(b"=")[:-2] for skipped in range(3)]
    return raw, quote(value, safe="").encode(), value.replace("/", "\\/").encode(), *encoded


SPELLINGS: Final = MappingProxyType({name: _spellings(value) for name, value in PLANTED.items()})


def search(data: bytes | str, where: str) -> None:
    """Raises LeakedError if a planted secret is in it."""
    looked = data.encode() if isinstance(data, str) else data
    for name, spellings in SPELLINGS.items():
        if any(spelling in looked for spelling in spellings):
            raise LeakedError(f"the value of {name} stands in {where}")


def search_folder(folder: Path) -> int:
    """Every file below: logs, the database with its pages and its log, the journal. Gives how many there were."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    databases = []
    for path in files:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue  # workers outlive their parent for a moment, and tidy up
        search(data, str(path))
        if data.startswith(b"SQLite format 3\0"):
            databases.append(path)
    # Closing a database tidies up the files beside it, so this comes last.
    for path in databases:
        _search_rows(path)
    return len(files)


def _search_rows(path: Path) -> None:
    """A long value lies in several pages, so the bytes of the file may hold it in parts."""
    with closing(sqlite3.connect(path)) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
            for row in database.execute(f'SELECT * FROM "{table}"'):
                for value in row:
                    if isinstance(value, (str, bytes)):
                        search(value, f"{path}, table {table}")
