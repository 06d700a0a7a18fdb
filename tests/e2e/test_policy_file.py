"""The policy's file beside a running server: followed under --watch, told as drift without it; and the files of secrets."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.support.outside import chat
from tests.support.policies import three_tiers
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

BUDGET = "budgets: [{name: all, scope: global, limit: {tokens: 10000000}, on_breach: reject}]"
Watched = Callable[..., Serving]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """Starts `orchvynt serve --watch`."""
    with ExitStack() as running:
        yield lambda policy: running.enter_context(Serving(tmp_path, policy, arguments=("--watch",)))


def using(provider: ScriptedProvider, model: str) -> str:
    rules = f"routing: {{default: gpt-4o, rules: [{{name: to-{model}, use: {model}}}]}}"
    return three_tiers(provider, BUDGET).replace("routing: {default: gpt-4o}", rules)


def status(server: Serving) -> Any:
    return server.admin("/status").json


def until(condition: Callable[[], bool], wait: float = 10.0) -> None:
    end = time.monotonic() + wait
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


def model(server: Serving) -> str:
    return chat(server, "gpt-4o").headers["x-orchvynt-model"]


def test_a_watched_file_is_the_truth_however_it_is_written(watched: Watched, scripted_provider: ScriptedProvider) -> None:
    server = watched(using(scripted_provider, "gpt-4o"))
    assert (status(server)["watch"], model(server)) == ("following", "gpt-4o")
    beside = server.folder / "beside.yaml"

    def renamed(text: str) -> None:
        beside.write_text(text)
        beside.replace(server.policy)

    def linked(text: str) -> None:
        (server.folder / "target.yaml").write_text(text)
        beside.symlink_to("target.yaml")
        beside.replace(server.policy)

    writers: list[Callable[[str], Any]] = [server.policy.write_text, renamed, linked]
    for version, (write, name) in enumerate(zip(writers, ("claude", "local", "claude"), strict=True), 2):
        write(using(scripted_provider, name))
        until(lambda: status(server)["policy_version"] == version)  # noqa: B023 - called at once
        assert model(server) == name
    newest = server.admin("/policies").json["items"][0]
    assert (newest["author"], "changed in" in newest["message"]) == ("file", True)
    assert server.admin("/audit").json["items"][0]["who"] == "file"
    server.policy.write_text(server.policy.read_text() + "# a comment\n")
    time.sleep(1.2)
    assert (status(server)["policy_version"], status(server)["drift"]) == (4, "")


def test_half_a_file_is_never_in_force(watched: Watched, scripted_provider: ScriptedProvider) -> None:
    """The first half is a valid policy by itself: only that it is not finished tells it apart."""
    text = using(scripted_provider, "claude")
    server = watched(text)
    half = text.rstrip().removesuffix(BUDGET)
    with server.policy.open("w") as file:
        file.write(half)
        file.flush()
        time.sleep(1.5)
        assert (status(server)["policy_version"], status(server)["watch"]) == (1, "following")
        file.write(BUDGET.replace("10000000", "20000000") + "\n")
    until(lambda: bool(status(server)["policy_version"] == 2))
    assert [line["limit_tokens"] for line in server.admin("/budgets").json["items"]] in ([], [20_000_000])


def test_a_broken_file_keeps_the_last_good_one_and_says_so_everywhere(watched: Watched, scripted_provider: ScriptedProvider) -> None:
    server = watched(using(scripted_provider, "gpt-4o"))
    for broken in ("version: 1\nmodles: {}\n", "{", "", "a: &a [*a, *a]\n" * 3):
        server.policy.write_text(broken)
        until(lambda: bool(status(server)["watch"] == "broken"))
        assert model(server) == "gpt-4o"
        ready = server.ask("/health/ready")
        assert (ready.status, ready.json["status"], ready.json["watch"]) == (200, "ready", "broken")
        assert "version 1 stays in force" in ready.json["drift"]
        assert "orchvynt.yaml:" in status(server)["drift"]
        assert "broken" not in server.command("status").stderr
        server.policy.write_text(using(scripted_provider, "gpt-4o"))
        until(lambda: bool(status(server)["watch"] == "following"))
    assert "orchvynt.yaml:2:1: " in server.log
    refused = [item for item in server.admin("/audit").json["items"] if item["what"] == "policy.apply refused"]
    assert len(refused) == 4
    server.policy.unlink()
    until(lambda: bool(status(server)["watch"] == "broken"))
    assert (model(server), status(server)["policy_version"]) == ("gpt-4o", 1)
    server.kill()
    server.start()
    assert (model(server), status(server)["watch"]) == ("gpt-4o", "broken")
    server.policy.write_text(using(scripted_provider, "claude"))
    until(lambda: model(server) == "claude")


def test_over_a_watched_file_things_are_applied_for_a_while(watched: Watched, scripted_provider: ScriptedProvider) -> None:
    server = watched(using(scripted_provider, "gpt-4o"))
    server.policy.write_text(using(scripted_provider, "claude"))
    until(lambda: model(server) == "claude")
    (server.folder / "incident.yaml").write_text(using(scripted_provider, "local"))
    for command in (("apply", "incident.yaml", "-m", "incident"), ("rollback",)):
        refused = server.command(*command)
        assert (refused.returncode, "is watched" in refused.stderr, "--until" in refused.stderr) == (1, True, True)
    assert server.admin("/policies/rollback", {}).json["error"]["code"] == "conflict"
    assert server.command("rollback", "--until", "soon").returncode == 2
    assert server.command("apply", "incident.yaml", "-m", "incident", "--until", "1h").returncode == 0
    assert (model(server), status(server)["watch"]) == ("local", "paused")
    server.policy.write_text(using(scripted_provider, "claude") + "# goes on\n")
    server.kill()
    server.start()
    assert (model(server), status(server)["watch"]) == ("local", "paused"), "also over a restart"
    assert status(server)["policy_until"]
    assert server.command("rollback", "1", "--until", "2s").returncode == 0
    assert model(server) == "gpt-4o"
    until(lambda: model(server) == "claude")
    assert status(server)["watch"] == "following"
    assert "takes over again" in status(server)["policy_message"]


def test_what_changed_while_it_was_down_is_followed_at_the_start(watched: Watched, scripted_provider: ScriptedProvider) -> None:
    server = watched(using(scripted_provider, "gpt-4o"))
    server.kill()
    server.policy.write_text(using(scripted_provider, "claude"))
    server.start()
    assert (model(server), status(server)["policy_version"], status(server)["policy_by"]) == ("claude", 2, "file")


def test_a_config_map_is_followed_when_its_link_is_swapped(tmp_path: Path, scripted_provider: ScriptedProvider) -> None:
    server = Serving(tmp_path, using(scripted_provider, "gpt-4o"), arguments=("--watch",))
    mounted = tmp_path / "mounted"

    def turn(number: int, text: str) -> None:
        (mounted / f"..{number}").mkdir(parents=True)
        (mounted / f"..{number}" / "orchvynt.yaml").write_text(text)
        (mounted / "..data_tmp").symlink_to(f"..{number}")
        (mounted / "..data_tmp").replace(mounted / "..data")

    turn(1, server.policy.read_text())
    (mounted / "orchvynt.yaml").symlink_to("..data/orchvynt.yaml")
    server.policy = mounted / "orchvynt.yaml"
    with server:
        for number, name in ((2, "claude"), (3, "local")):
            turn(number, using(scripted_provider, name))
            until(lambda: model(server) == name)  # noqa: B023 - called at once


def test_without_watch_a_change_of_the_file_is_drift_and_nothing_else(tmp_path: Path, scripted_provider: ScriptedProvider) -> None:
    with Serving(tmp_path, using(scripted_provider, "gpt-4o")) as server:
        assert (status(server)["drift"], status(server)["watch"]) == ("", "")
        server.policy.write_text(using(scripted_provider, "claude"))
        until(lambda: "differs from version 1" in status(server)["drift"])
        assert "differs from version 1" in server.ask("/health/ready").json["drift"]
        assert "differs from version 1" in server.log
        assert model(server) == "gpt-4o"
        assert server.command("apply", "-m", "now").returncode == 0
        assert (status(server)["drift"], model(server)) == ("", "claude")


def test_only_a_file_can_be_watched(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "orchvynt", "serve", "--watch"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, cwd=tmp_path, check=False)
    assert (done.returncode, "--policy PATH" in done.stderr) == (2, True)


def test_secrets_of_files_are_read_again_and_never_from_elsewhere(tmp_path: Path, scripted_provider: ScriptedProvider) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "key").write_text("sk-canary-first\n")
    (tmp_path / "outside").write_text("sk-canary-outside\n")
    (secrets / "escape").symlink_to(tmp_path / "outside")
    text = three_tiers(scripted_provider, BUDGET).replace("${env:TEST_API_KEY}", f"${{file:{secrets}/key}}", 1)
    with Serving(tmp_path, text, arguments=("--secret-dir", str(secrets))) as server:

        def key() -> str:
            assert chat(server, "gpt-4o").status == 200
            sent = scripted_provider.arrivals()[-1]["headers"]
            return str({name.lower(): value for name, value in sent.items()}["authorization"])

        first = key()
        (secrets / "new").write_text("another-and-longer\n")
        (secrets / "new").replace(secrets / "key")
        assert key() != first, "masked by the provider, but another"
        for bad in ("escape", "../outside", "none"):
            refused = server.admin("/policies", {"yaml": text.replace("/key}", f"/{bad}}}"), "message": "m"})
            assert (refused.status, refused.json["error"]["code"]) == (422, "policy_invalid")
            assert b"canary" not in refused.body
        os.unlink(secrets / "key")
        assert chat(server, "gpt-4o").headers["x-orchvynt-model"] == "claude", "its provider is passed over, the next one is not"
        server.kill()
        server.start()
        assert "warning: ${file:" in server.log


def test_a_missing_secret_is_told_at_the_start_and_refused_at_apply(tmp_path: Path, scripted_provider: ScriptedProvider) -> None:
    text = three_tiers(scripted_provider, BUDGET).replace("${env:TEST_API_KEY}", "${env:GONE_API_KEY}", 1)
    with Serving(tmp_path, text) as server:
        assert "warning: ${env:GONE_API_KEY} is not set" in server.log
        assert chat(server, "gpt-4o").headers["x-orchvynt-model"] == "claude"
        refused = server.admin("/policies", {"yaml": text.replace("10000000", "20000000"), "message": "m"})
        assert "${env:GONE_API_KEY} is not set" in refused.json["error"]["message"]
        literal = text.replace("${env:GONE_API_KEY}", "sk-canary-literal-0123456789")
        refused = server.admin("/policies", {"yaml": literal, "message": "m"})
        assert (refused.status, b"secret_literal" in refused.body, b"sk-canary-literal" in refused.body) == (422, True, False)
        (server.folder / "literal.yaml").write_text(literal)
        for command in (("validate", "literal.yaml"), ("apply", "literal.yaml", "-m", "m"), ("diff", "literal.yaml")):
            told = server.command(*command) if command[0] != "validate" else None
            assert told is None or "sk-canary-literal" not in told.stdout + told.stderr
