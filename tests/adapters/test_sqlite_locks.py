"""SQLite's own locks on a file are the process's, and the first `close` of any descriptor of that file ends all of them
(https://www.sqlite.org/howtocorrupt.html, 2.2): nothing here may open the file beside SQLite once it has connections."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

from orchvynt.adapters.sqlite.connecting import connect_writer

VISITS = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT count(*) FROM sqlite_schema').fetchall(); c.close()"


def test_a_further_connection_leaves_the_locks_of_the_others(tmp_path: Path) -> None:
    """Taking over a journal makes one. Without its lock a process is not seen: whoever leaves believes to be the last, and takes the log
    away under those that still write to it."""
    path = tmp_path / "orchvynt.db"
    with closing(connect_writer(path, 1_000)) as connection:
        connection.execute("CREATE TABLE seen (number INTEGER)")
        connect_writer(path, 1_000).close()
        log = path.with_name("orchvynt.db-wal")
        before = log.stat().st_ino
        subprocess.run([sys.executable, "-c", VISITS, str(path)], check=True)
        assert log.exists(), "the visitor took it for left"
        assert log.stat().st_ino == before
        connection.execute("INSERT INTO seen VALUES (7)")
        asks = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT number FROM seen').fetchall())"
        told = subprocess.run([sys.executable, "-c", asks, str(path)], check=True, capture_output=True, text=True)
        assert told.stdout.strip() == "[(7,)]"


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "orchvynt.db"
    with closing(connect_writer(path, 1_000)) as connection:
        connection.execute("CREATE TABLE seen (number INTEGER)")
        assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
