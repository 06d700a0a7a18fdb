"""Backups that are taken while the server works, and what a restored store is behind by: nothing that the journal still has."""

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.support.auditing import Auditor
from tests.support.policies import gate, three_tiers
from tests.support.postgres import Server, binary
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

pytestmark = pytest.mark.timeout(300)  # seconds, and minutes where others build beside it

BUDGET = "budgets: [{name: all, scope: global, limit: {tokens: 100000}, on_breach: reject}]\n"
FIRST_SCHEMA = 1
REVIEW = {"x-orchvynt-flags": "review"}


@pytest.fixture
def server(tmp_path: Path, scripted_provider: ScriptedProvider) -> Iterator[Serving]:
    with Serving(tmp_path, three_tiers(scripted_provider, BUDGET + gate(up_to="0s"))) as running:
        yield running


def settled(server: Serving) -> int:
    (line,) = server.admin("/budgets").json["items"]
    return int(line["settled_tokens"])


def backed_up(server: Serving) -> dict[str, object]:
    """Some work, a backup while it serves, and more work."""
    for _ in range(3):
        assert server.chat().status == 200
    assert server.chat("look", headers=REVIEW).status == 409
    assert len(server.admin("/invocations").json["items"]) == 4
    done = server.command_alone("store", "backup", "sqlite:///orchvynt.db", "backup.db", "--json")
    assert done.returncode == 0, done.stderr
    for _ in range(3):
        assert server.chat().status == 200
    assert len(server.admin("/invocations").json["items"]) == 7
    said: dict[str, object] = json.loads(done.stdout)
    return said


def put_back(folder: Path) -> None:
    for name in ("orchvynt.db", "orchvynt.db-wal", "orchvynt.db-shm"):
        (folder / name).unlink(missing_ok=True)
    shutil.copy(folder / "backup.db", folder / "orchvynt.db")


def test_what_the_journal_still_has_is_there_again(server: Serving, tmp_path: Path, scripted_provider: ScriptedProvider) -> None:
    backed_up(server)
    spent = settled(server)
    server.kill()
    put_back(tmp_path)
    server.start()
    assert "WARNING" not in server.log
    assert settled(server) == spent == scripted_provider.ledger().totals.tokens
    assert len(server.admin("/invocations").json["items"]) == 7
    assert len(server.admin("/reviews").json["items"]) == 1
    assert server.command("audit", "verify").returncode == 0
    Auditor(server, scripted_provider).audit()


def test_what_nobody_has_any_more_is_said(server: Serving, tmp_path: Path) -> None:
    said = backed_up(server)
    server.stop()
    server.start()  # what is filed leaves the journal
    assert server.chat("look again", headers=REVIEW).status == 409
    server.stop()
    put_back(tmp_path)
    server.start()
    assert "WARNING: the journal ends before what the store has filed" in server.log
    assert "WARNING: the audit does not end with its anchored head" in server.log
    assert server.command("audit", "verify").returncode == 1
    head = str(said["head"])
    assert head in server.command("audit", "list", "--json").stdout


def test_a_backup_is_refused_in_words(server: Serving, tmp_path: Path) -> None:
    (tmp_path / "there.db").write_bytes(b"mine")
    for arguments, code, words in (
        (("sqlite:///nowhere.db", "b.db"), 1, "there is no store"),
        (("sqlite:///orchvynt.db", "there.db"), 1, "there.db is there already"),
        (("sqlite:///orchvynt.db", "nowhere/b.db"), 1, "Check its directory"),
        (("sqlite:///orchvynt.yaml", "b.db"), 1, "not a SQLite database"),
        (("postgresql://x@y/z", "b.db"), 2, "pg_dump"),
    ):
        refused = server.command_alone("store", "backup", *arguments, "--json")
        assert refused.returncode == code, refused.stderr
        assert words in refused.stderr
        assert words in json.loads(refused.stdout)["error"]["message"] if code == 1 else refused.stdout == ""
    assert (tmp_path / "there.db").read_bytes() == b"mine"
    assert not (tmp_path / "b.db").exists()


def test_a_store_of_another_build_is_copied_or_refused_in_words(server: Serving, tmp_path: Path) -> None:
    """What an older build wrote is what people copy before an upgrade."""
    server.stop()
    with closing(sqlite3.connect(tmp_path / "orchvynt.db", isolation_level=None)) as store:
        (version,) = store.execute("PRAGMA user_version").fetchone()
        store.execute(f"PRAGMA user_version = {version + 1}")
    refused = server.command_alone("store", "backup", "sqlite:///orchvynt.db", "newer.db")
    assert refused.returncode == 1
    assert f"has schema {version + 1}, this build knows {version}: a newer build wrote it. Start that build" in refused.stderr
    assert not (tmp_path / "newer.db").exists()
    with closing(sqlite3.connect(tmp_path / "orchvynt.db", isolation_level=None)) as store:
        store.execute(f"PRAGMA user_version = {FIRST_SCHEMA}")
        for table in ("audit_words", "audit_entries", "filed"):
            store.execute(f"DROP TABLE {table}")
    done = server.command_alone("store", "backup", "sqlite:///orchvynt.db", "older.db")
    assert done.returncode == 0, done.stderr
    assert f"of schema {FIRST_SCHEMA}, which `orchvynt serve` brings up" in done.stdout
    with closing(sqlite3.connect(tmp_path / "older.db")) as copy:
        assert copy.execute("SELECT count(*) FROM policies").fetchone() == (1,)
        assert copy.execute("PRAGMA user_version").fetchone() == (FIRST_SCHEMA,)


def test_a_dump_of_postgresql_goes_on_with_its_journal(postgres: Server, tmp_path: Path, scripted_provider: ScriptedProvider) -> None:
    postgres.sql("CREATE DATABASE one")
    postgres.sql("CREATE DATABASE two")
    place = urlsplit(postgres.url)
    one, two = (place._replace(path=f"/{name}").geturl() for name in ("one", "two"))
    with Serving(tmp_path, three_tiers(scripted_provider, BUDGET + gate(up_to="0s")), arguments=("--store", one)) as server:
        for _ in range(3):
            assert server.chat().status == 200
        assert server.chat("look", headers=REVIEW).status == 409
        assert len(server.admin("/invocations").json["items"]) == 4
        dump = tmp_path / "backup.dump"
        subprocess.run([binary("pg_dump"), "--format=custom", f"--file={dump}", one], check=True, timeout=60)
        for _ in range(3):
            assert server.chat().status == 200
        assert len(server.admin("/invocations").json["items"]) == 7
        spent = settled(server)
        server.kill()
        subprocess.run([binary("pg_restore"), f"--dbname={two}", str(dump)], check=True, timeout=60)
        server.arguments = ("--store", two)
        server.start()
        assert settled(server) == spent
        assert len(server.admin("/invocations").json["items"]) == 7
        assert len(server.admin("/reviews").json["items"]) == 1
        Auditor(server, scripted_provider).audit()
        assert server.command("audit", "verify").returncode == 0
