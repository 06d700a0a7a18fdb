"""`orchvynt store move` on real stores: what was parked is decided there, a budget stands where it stood, and the way back is the same."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.auditing import Auditor
from tests.support.policies import gate, three_tiers
from tests.support.postgres import Server
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

BUDGET = "budgets: [{name: all, scope: global, limit: {tokens: 100000}, on_breach: reject}]\n"
REVIEW = {"x-orchvynt-flags": "review"}


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    place = postgres.fresh()
    yield place
    postgres.give_back(place)


def settled(server: Serving) -> int:
    (line,) = server.admin("/budgets").json["items"]
    assert line["held_tokens"] == 0
    return int(line["settled_tokens"])


@pytest.mark.timeout(300)
def test_there_and_back_with_all_that_waits(url: str, tmp_path: Path, scripted_provider: ScriptedProvider) -> None:
    policy = three_tiers(scripted_provider, BUDGET + gate(up_to="0s"))
    place = url.replace("postgres@", "postgres:planted-password@")
    sqlite = f"sqlite:///{tmp_path / 'orchvynt.db'}"
    with Serving(tmp_path, policy) as first:
        for _ in range(5):
            assert first.chat().status == 200
        asked = first.chat("look at me", headers=REVIEW)
        assert asked.status == 409
        again = first.chat("and me", headers=REVIEW)
        assert again.status == 409
        spent = settled(first)
        in_use = first.command_alone("store", "move", sqlite, place)
        assert in_use.returncode == 1
        assert "in use by process" in in_use.stderr
        # What the journal holds and the store does not is filed first.
        first.kill()

        done = first.command_alone("store", "move", sqlite, place, "--json")
        assert done.returncode == 0, done.stderr
        moved = json.loads(done.stdout)
        assert (moved["audit"], moved["from"]) == ("", sqlite)
        assert "planted-password" not in done.stdout + done.stderr
        rows = {one["table"]: one["rows"] for one in moved["tables"]}
        assert rows["invocations"] == 7
        assert rows["reviews"] == 2
        twice = first.command_alone("store", "move", sqlite, place)
        assert twice.returncode == 1
        assert "is not empty" in twice.stderr
        other = first.command_alone("store", "move", sqlite, f"sqlite:///{tmp_path / 'other.db'}")
        assert other.returncode == 1
        assert f"was moved to {url}" in other.stderr

        gone_on = first.command_alone("serve", "--store", sqlite, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
        assert gone_on.returncode == 1
        assert f"was moved to {url}" in gone_on.stderr, "there would be two truths"
        assert "orchvynt store reopen" in gone_on.stderr

        first.arguments = ("--store", place)
        first.start()
        assert settled(first) == spent == scripted_provider.ledger().totals.tokens
        review = next(
            one["review"] for one in first.admin("/reviews").json["items"] if one["invocation"] == asked.headers["x-orchvynt-invocation"]
        )
        assert first.admin(f"/reviews/{review}/decisions", {"decision": "approve", "reason": "fine"}).status == 200
        assert first.chat("look at me", headers=REVIEW).status == 200, "it joins what was parked elsewhere"
        assert first.chat().status == 200
        assert first.command("audit", "verify").returncode == 0
        Auditor(first, scripted_provider).audit()
        spent = settled(first)
        assert first.stop() == 0

        back = f"sqlite:///{tmp_path / 'back.db'}"
        said = first.command_alone("store", "move", place, back)
        assert said.returncode == 0, said.stderr
        assert f"orchvynt serve --store {back}" in said.stdout
        first.arguments = ("--store", back)
        first.start()
        assert settled(first) == spent
        assert len(first.admin("/reviews").json["items"]) == 1
        assert first.command("audit", "verify").returncode == 0
        Auditor(first, scripted_provider).audit()


def test_a_store_that_was_moved_is_opened_again_only_on_purpose(tmp_path: Path, scripted_provider: ScriptedProvider) -> None:
    with Serving(tmp_path, three_tiers(scripted_provider)) as server:
        assert server.chat().status == 200
        sqlite = f"sqlite:///{tmp_path / 'orchvynt.db'}"
        assert server.stop() == 0
        early = server.command_alone("store", "reopen", sqlite, "-m", "why not")
        assert early.returncode == 1
        assert "was not moved" in early.stderr
        done = server.command_alone("store", "move", sqlite, f"sqlite:///{tmp_path / 'new.db'}")
        assert done.returncode == 0, done.stderr
        server.arguments = ("--workers", "2")
        with pytest.raises(AssertionError, match="was moved to sqlite:"):
            server.start()
        reopened = server.command_alone("store", "reopen", sqlite, "-m", "the new disk died", "--json")
        assert json.loads(reopened.stdout)["moved_to"] == f"sqlite:///{tmp_path / 'new.db'}"
        server.arguments = ()
        server.start()
        assert len(server.admin("/invocations").json["items"]) == 1
        assert server.command("audit", "verify").returncode == 0
        said = server.command("audit", "list").stdout
        assert "store.moved" in said
        assert "the new disk died" in said


def test_wrong_use_is_said(tmp_path: Path, scripted_provider: ScriptedProvider) -> None:
    server = Serving(tmp_path, three_tiers(scripted_provider))
    for arguments, code, words in (
        (("sqlite:///a.db", "sqlite:///a.db"), 2, "the same store"),
        (("sqlite:///nowhere.db", "sqlite:///b.db"), 1, "there is no store sqlite:///nowhere.db"),
        (("mysql://x", "sqlite:///b.db"), 2, "SQLite or PostgreSQL"),
        (("sqlite:///a.db", "sqlite:///b.db", "--to-journal", "x"), 2, "--journal is for PostgreSQL"),
    ):
        said = server.command_alone("store", "move", *arguments, "--json")
        assert said.returncode == code, said.stderr
        assert words in said.stderr
        # A program reads one document; wrong use is told to who wrote the command.
        assert words in json.loads(said.stdout)["error"]["message"] if code == 1 else said.stdout == ""
    assert not (tmp_path / "nowhere.db").exists()
    assert not (tmp_path / "b.db").exists()
