"""Every command that asks a server, against a running admin API over real sockets, into a pipe."""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest
from docs.generate_cli_schemas import SHAPES
from tests.lifecycle.explain import lives
from tests.surfaces.cli.shell import run
from tests.surfaces.world import BAD, GOOD, NOW, OLD, SECOND, SECRETS, World, alert_line, budget_line, rate_limit_line, renamed

from orchvynt.ports.outbox import MessageRow, OutboxChange
from orchvynt.runtime.control import ProviderLine

INVOICE = "date,model,input_tokens,output_tokens,cost_usd\n2026-01-01,claude-x,200,100,0.0062\n"


def as_admin(world: World) -> dict[str, str]:
    return {"ORCHVYNT_SERVER": world.url, "ORCHVYNT_TOKEN": SECRETS["admin"]}


def fill(world: World) -> None:
    """Two records, an open review, two budgets, two providers."""
    assert world.ask("POST", "/audit/holds", body={"where": 'user == "u-1"', "message": "T-0"}).json["hold"] == "hold_1"
    world.happened(lives.approved())
    world.happened(renamed([*lives.fell_back(), *lives.opened()], "inv_02", "rev_2"))
    world.control.budget_lines = [budget_line("doc", "doc-analysis"), budget_line("team", "x", settled=2_400_000_000, held=100_000_000)]
    mishap = msgspec.structs.replace(alert_line("credential_refused"), when="refused", chain="", activation_rate=None, calls=3)
    world.control.alert_lines = [alert_line(), mishap]
    waiting = MessageRow("msg_1", "oncall", "reviews g", b"{}", NOW, failures=3, why="it answered 500")
    asyncio.run(world.control.store.change_outbox(OutboxChange(messages=[waiting])))
    world.control.rate_limit_lines = [rate_limit_line("per-agent", "drafting")]
    world.control.provider_lines = [
        ProviderLine("gpt-4o", "openai", "gpt-4o", "api.openai.com:443", NOW + 90 * SECOND, "rate_limit", 10, 3),
        ProviderLine("claude", "anthropic", "claude-x", "api.anthropic.com:443", 0, "", 5, 0),
    ]


def test_destinations_and_what_is_on_its_way(world: World) -> None:
    fill(world)
    listed = run("notify", "list", env=as_admin(world)).stdout.splitlines()
    assert listed[1].split()[:4] == ["oncall", "webhook", "https://hooks.example/oncall", "0s"]
    assert listed[1].endswith("it answered 500")
    outbox = run("notify", "outbox", env=as_admin(world)).stdout.splitlines()
    assert outbox[1].split()[:2] == ["msg_1", "oncall"]
    assert run("notify", "outbox", "--undeliverable", env=as_admin(world)).stdout == "Nothing is undeliverable.\n"
    assert run("notify", "test", "oncall", env=as_admin(world)).stdout == "oncall  took it: it answered 204\n"
    unknown = run("notify", "test", "nobody", env=as_admin(world))
    assert (unknown.exit_code, "no destination of this name" in unknown.stderr) == (1, True)
    assert run("notify", "resend", "msg_1", env=as_admin(world)).stdout == "msg_1  waits again for oncall\n"
    assert run("notify", "resend", "msg_9", env=as_admin(world)).exit_code == 1


def test_apply_history_diff_pull_rollback(world: World, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(GOOD)
    applied = run("apply", str(file), "-m", "start", "--expect", "0", "--commit", "abc", env=as_admin(world))
    assert (applied.exit_code, applied.stdout) == (0, "applied version 1  sha256:abc\n")
    file.write_text(OLD)
    second = run("apply", str(file), "-m", "again", env=as_admin(world))
    assert f"{file}:2:1: warning: this is discouraged" in second.stderr
    late = run("apply", str(file), "-m", "late", "--expect", "1", env=as_admin(world))
    assert (late.exit_code, late.stdout) == (1, "")
    assert late.stderr.startswith("orchvynt: Version 2 is in force, not 1.\n")
    told = run("history", env=as_admin(world)).stdout.splitlines()
    assert told[0].split() == ["VERSION", "APPLIED", "BY", "COMMIT", "DIGEST", "WHY"]
    assert told[1].split() == ["2", "*", "2026-01-01T01:00:00.000000Z", "token:admin", "sha256:abc", "again"]
    assert told[2].split() == ["1", "2026-01-01T01:00:00.000000Z", "token:admin", "abc", "sha256:abc", "start"]
    difference = run("diff", "1", "2", env=as_admin(world)).stdout.splitlines()
    assert difference[:3] == ["# discouraged", "models: {}", ""], "words first"
    assert {"--- version 1", "+++ version 2", "-models: {}", "+# discouraged"} <= set(difference[3:])
    assert run("policy", "pull", env=as_admin(world)).stdout == OLD
    target = tmp_path / "live.yaml"
    assert run("policy", "pull", "--version", "1", "-o", str(target), env=as_admin(world)).exit_code == 0
    assert target.read_text() == GOOD
    assert run("rollback", env=as_admin(world)).stdout.startswith("rolled back: version 3 is in force")
    assert run("rollback", "77", env=as_admin(world)).exit_code == 1
    assert run("diff", "1", "3", env=as_admin(world)).stdout == "version 1 and version 3 mean the same, to the letter.\n"
    assert run("diff", "1", env=as_admin(world)).stdout == "version 1 and version 3 mean the same, to the letter.\n"


def test_a_file_is_compared_with_what_is_in_force(world: World, tmp_path: Path) -> None:
    file = tmp_path / "next.yaml"
    file.write_text(GOOD)
    assert run("diff", str(file), env=as_admin(world)).exit_code == 1, "nothing is in force"
    assert run("apply", str(file), "-m", "start", env=as_admin(world)).exit_code == 0
    assert run("diff", str(file), env=as_admin(world)).stdout == f"version 1 and {file} mean the same, to the letter.\n"
    file.write_text(f"{GOOD}# lab\napi_key: sk-very-secret-0123456789\n")
    told = run("diff", str(file), env=as_admin(world)).stdout
    assert told.startswith("# lab\n")
    assert "To apply this needs the role admin:\n  provider lab: new address http://lab:80\n\n--- version 1\n" in told
    assert f"+++ {file}" in told
    assert "sk-very-secret" not in told.partition("--- version 1")[2], "what looks like a secret is masked in lines"
    file.write_text(BAD)
    broken = run("diff", str(file), env=as_admin(world))
    assert (broken.exit_code, "unknown field `modles`" in broken.stderr, "+modles: {}" in broken.stdout) == (0, True, True)
    assert run("diff", "-", stdin=GOOD, env=as_admin(world)).stdout == "version 1 and <stdin> mean the same, to the letter.\n"
    assert run("diff", "1", "9", env=as_admin(world)).exit_code == 1


def test_a_change_over_a_watched_file_says_until_when(world: World, tmp_path: Path) -> None:
    file = tmp_path / "next.yaml"
    file.write_text(GOOD)
    told = run("apply", str(file), "-m", "m", "--until", "2h", env=as_admin(world)).stdout.splitlines()
    assert told[1] == "the watched file takes over again 2026-01-01T03:00:00.000000Z"
    world.control.watch = "paused"
    status = run("status", env=as_admin(world)).stdout
    assert "paused: the file takes over again 2026-01-01T03:00:00.000000Z" in status
    assert "by token:admin: m" in status
    assert "here:1 serves version 1 since 2026-01-01T01:00:00.000000Z" in status
    assert run("rollback", "1", "--until", "30m", env=as_admin(world)).exit_code == 0


def test_problems_carry_the_name_that_the_user_gave(world: World, tmp_path: Path) -> None:
    file = tmp_path / "team.yaml"
    file.write_text(BAD)
    refused = run("apply", str(file), "-m", "m", env=as_admin(world))
    assert refused.exit_code == 1
    assert f"{file}:2:1: unknown field `modles`\n  modles: {{}}\n  ^^^^^^\n  help: Did you mean `models`?\n" in refused.stderr
    assert run("apply", "-", "-m", "m", stdin=BAD, env=as_admin(world)).stderr.startswith("<stdin>:2:1: unknown field")
    told = run("apply", str(file), "-m", "m", "--json", env=as_admin(world))
    assert told.exit_code == 1
    assert json.loads(told.stdout)["error"]["detail"]["problems"][0]["file"] == str(file)
    missing = run("apply", str(tmp_path / "no.yaml"), "-m", "m", env=as_admin(world))
    assert (missing.exit_code, "cannot be read" in missing.stderr) == (1, True)
    file.write_bytes(b"version: 1\nname: \xff\n")
    assert run("apply", str(file), "-m", "m", env=as_admin(world)).stderr == f"{file}:2:7: this byte is not UTF-8\n"


def test_explain_tells_the_verdict_first_and_everything_in_order(world: World) -> None:
    fill(world)
    for reference in ("inv_01", "last", "req-1"):
        told = run("explain", reference, env=as_admin(world))
        assert told.exit_code == 0
    lines = run("explain", "inv_01", env=as_admin(world)).stdout.splitlines()
    assert lines[0] == "Asked gpt-4o; got claude, because openai answered 429; $0.0031; approved by token:ana (reason: figures checked)."
    assert lines[1].startswith("inv_01  ·  workflow doc-analysis  ·  agent drafting  ·  run r1  ·  policy version 3")
    shown = [line for line in lines if line.strip().startswith("+")]
    assert len(shown) == len(lives.approved())
    assert shown[3].endswith("attempt 1: sent to openai as gpt-4o-upstream (tier 1, gpt-4o)")
    assert lines[-1].startswith("2 attempts on 2 tiers  ·  100 tokens in, 50 out  ·  settled $0.0031")
    assert run("explain", "nobody", env=as_admin(world)).exit_code == 1
    several = run("explain", "r1", env=as_admin(world)).stdout.splitlines()
    assert several[-1] == "1 further invocation by this reference: orchvynt runs r1"


def test_lists_are_whole_and_plain_in_a_pipe(world: World) -> None:
    fill(world)
    listed = run("invocations", env=as_admin(world)).stdout.splitlines()
    assert listed[1].split()[:2] == ["inv_02", "2026-01-01T00:00:00.000000Z"]
    assert listed[2].split()[-3:] == ["$0.0031", "900", "ms"]
    assert run("invocations", "--limit", "1", env=as_admin(world)).stdout.endswith("more: orchvynt invocations --after inv_02\n")
    assert "inv_01" in run("invocations", "--after", "inv_02", env=as_admin(world)).stdout
    told = run("runs", "r1", env=as_admin(world)).stdout
    assert told.startswith("run r1  workflow doc-analysis, 2 invocations, $0.0062, 200 tokens in, 100 out\n")
    assert "inv_01  drafting: Asked gpt-4o; got claude" in told
    budgets = run("budgets", env=as_admin(world)).stdout.splitlines()
    figures = ["$2.4", "$0.1", "$2.5", "$0", "day", "2026-01-01T02:00:00.000000Z", "-", "used", "up"]
    assert budgets[1].split() == ["team", "x", "100%", "████████████████████", *figures]
    assert budgets[2].split()[:4] == ["doc", "doc-analysis", "60%", "████████▒▒▒▒░░░░░░░░"]
    limits = run("limits", env=as_admin(world)).stdout.splitlines()
    assert " ".join(limits[1].split()) == "per-agent drafting agent minute 12 of 60 - 3 of 10 2 2026-01-01T01:00:48.000000Z"
    providers = run("providers", env=as_admin(world)).stdout
    assert "again 2026-01-01T01:01:30.000000Z (rate_limit)" in providers
    status = run("status", env=as_admin(world)).stdout
    assert "sqlite:///orchvynt.db" in status
    assert "firing: activation_rate > 0.1: chain default used in 25% of 40 calls routed to openai" in status
    assert "firing: refused: openai, 3 lately; orchvynt explain inv_01" in status
    for text in ("\x1b", "\r"):
        assert text not in status + providers + told


def test_a_reviewer_lists_shows_and_decides_once(world: World) -> None:
    fill(world)
    assert "rev_2" in run("reviews", "list", env=as_admin(world)).stdout
    shown = run("reviews", "show", "rev_2", env=as_admin(world)).stdout
    assert 'The answer\nthe secret answer\n\ncalls pay({"sum": 1})\n' in shown
    assert "finish      stop" in shown
    assert 'flags = ["financial"]' in shown
    mute = run("reviews", "approve", "rev_2", env=as_admin(world))
    assert (mute.exit_code, mute.stderr) == (1, "orchvynt: The gate of review rev_2 requires a reason.\n  Give one with --reason TEXT.\n")
    done = run("reviews", "approve", "rev_2", "--reason", "checked", env=as_admin(world))
    assert (done.exit_code, done.stdout) == (0, "approved  rev_2 by token:admin\n")
    for word in ("approve", "reject"):
        late = run("reviews", word, "rev_2", "--reason", "late", env=as_admin(world))
        assert late.exit_code == 1
        assert "Review rev_2 was approved by token:admin before this vote" in late.stderr
    assert run("reviews", "list", env=as_admin(world)).stdout == "No review is open.\n"
    assert "approved" in run("reviews", "list", "--all", env=as_admin(world)).stdout
    assert run("reviews", "reject", "nothing", "--reason", "x", env=as_admin(world)).exit_code == 1


def test_tokens_are_issued_to_standard_output_alone(world: World) -> None:
    issued = run("tokens", "issue", "ci", "--role", "viewer", env=as_admin(world))
    secret = issued.stdout.strip()
    assert secret.startswith("ovt-")
    assert "shown this once" in issued.stderr
    assert run("status", "--server", world.url, "--token", secret).exit_code == 0
    refused = run("tokens", "list", "--server", world.url, "--token", secret)
    assert (refused.exit_code, "needs admin" in refused.stderr) == (1, True)
    assert secret not in run("tokens", "list", env=as_admin(world)).stdout
    assert run("tokens", "revoke", "ci", env=as_admin(world)).stdout == "revoked  ci\n"
    assert run("status", "--server", world.url, "--token", secret).exit_code == 1


def test_the_token_comes_from_option_environment_or_file(world: World, tmp_path: Path) -> None:
    nothing = run("status", "--server", world.url, directory=tmp_path)
    assert nothing.exit_code == 1
    assert "give --token or ORCHVYNT_TOKEN" in nothing.stderr
    (tmp_path / "orchvynt.admin-token").write_text(f"{SECRETS['admin']}\n")
    assert run("status", "--server", world.url, directory=tmp_path).exit_code == 0
    assert run("status", "--server", world.url, directory=tmp_path, env={"ORCHVYNT_ADMIN_TOKEN": "wrong"}).exit_code == 1
    both = {"ORCHVYNT_ADMIN_TOKEN": "wrong", "ORCHVYNT_TOKEN": SECRETS["viewer"]}
    assert run("status", "--server", world.url, directory=tmp_path, env=both).exit_code == 0
    assert run("status", "--server", world.url, "--token", "wrong", directory=tmp_path, env=both).exit_code == 1


def test_an_address_may_be_given_with_or_without_scheme(world: World) -> None:
    for address in (f"127.0.0.1:{world.port}", f"http://localhost:{world.port}", f"{world.url}/"):
        assert run("status", "--server", address, "--token", SECRETS["viewer"]).exit_code == 0, address


@pytest.mark.parametrize(
    "address",
    ["ftp://x", "http://", "http://h/path", "h:notaport", "h:99999999", "http://user@h", "not an address", "h\x1b[31m", "h\u202e"],
)
def test_a_wrong_address_is_wrong_use(address: str) -> None:
    assert run("status", "--server", address).exit_code == 2


def test_nobody_there_is_one_sentence_and_what_to_do() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        told = run("status", "--server", f"127.0.0.1:{port}")
    assert told.exit_code == 1
    assert told.stderr == (
        f"orchvynt: Nothing answers at http://127.0.0.1:{port} (connection refused).\n"
        "  Start it with `orchvynt serve`, or name another one with --server or ORCHVYNT_SERVER.\n"
    )


def test_what_no_server_said_is_a_refusal_under_json(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{closed.getsockname()[1]}"
        unreachable = run("status", "--server", nobody, "--json")
    missing = str(tmp_path / "missing.yaml")
    commands = [(unreachable, "unreachable", "Nothing answers at")]
    for command in (("validate",), ("test",), ("diff", "--server", nobody), ("apply", "-m", "x", "--server", nobody)):
        commands.append((run(command[0], missing, *command[1:], "--json"), "failed", "cannot be read"))
    for told, code, said in commands:
        error = json.loads(told.stdout)["error"]
        assert (told.exit_code, error["code"], said in error["message"], bool(error["help"])) == (1, code, True, True)
        assert said in told.stderr


def test_a_server_of_another_kind_is_told_apart() -> None:
    from tests.surfaces.sdk.gateway import gateway

    for status, body in ((200, b"<html>"), (200, {"unexpected": 1}), (404, b"nope"), (302, {"x": 1}), (500, [])):
        with gateway((status, {}, body)) as other:
            told = run("status", "--server", other.url)
            assert told.exit_code == 1
            assert "does not speak OrchVynt's admin API" in told.stderr
            if isinstance(body, bytes):
                assert run("status", "--server", other.url, "--json").exit_code == 1


# Those that need a home and a password are asked in test_people_commands.py, those that look at stores themselves in tests/e2e.
ALONE = [command for command in SHAPES if command.split()[0] not in ("doctor", "login", "logout", "migrate", "people", "store")]


def commands_for_json() -> list[tuple[str, list[str]]]:
    decided = ["rev_2", "--reason", "x"]
    granted = ["purse", "docs", "--usd", "1", "-m", "x"]
    meant = ["--where", 'user == "nobody"', "-m", "T-1"]
    extra = {
        "audit coverage": ["--gate", "money"], "audit forget": meant, "audit hold": meant, "audit release": ["hold_1", "-m", "T-2"],
        "forget": meant,
        "apply": ["-", "-m", "m"], "budgets grant": granted, "budgets reconcile": ["--invoice", "-"], "budgets show": ["doc"],
        "budgets statement": ["--month", "2026-01"], "diff": ["1", "1"], "explain": ["last"],
        **{f"changes {verb}": ["chg_1"] for verb in ("show", "approve", "reject")}, "reviews approve": decided,
        "notify resend": ["msg_1"], "notify test": ["oncall"],
        "reviews reject": decided, "reviews show": ["rev_2"], "reviews claim": ["rev_2"], "reviews release": ["rev_2"],
        "reviews edit": [*decided, "--text", "y"], "reviews respond": [*decided, "--file", "-"],
        "keys issue": ["agents"], "keys revoke": ["agents"], "keys rotate": ["agents"],
        "rollback": ["1"], "runs": ["r1"], "test": ["-"], "tokens issue": ["ci", "--role", "viewer"],
        "tokens revoke": ["viewer"], "validate": ["-"],
    }  # fmt: skip
    return [(command, [*command.split(), *extra.get(command, []), "--json"]) for command in ALONE]


@pytest.mark.parametrize(("command", "arguments"), commands_for_json(), ids=ALONE)
def test_json_of_every_command_has_its_published_shape(world: World, command: str, arguments: list[str]) -> None:
    fill(world)
    run("apply", "-", "-m", "first", stdin=GOOD, env=as_admin(world))
    run("keys", "issue", "agents", env=as_admin(world))
    if command.startswith("changes "):
        run("apply", "-", "-m", "waits", stdin=f"{GOOD}# weaker\n", env=as_admin(world))
    told = run(*arguments, stdin=INVOICE if command == "budgets reconcile" else OLD, env=as_admin(world))
    assert told.exit_code == 0, told.output
    assert told.stdout.isascii()
    value: Any = json.loads(told.stdout)
    again = msgspec.to_builtins(msgspec.json.decode(told.stdout, type=SHAPES[command], strict=True))
    assert set(value) == set(again)
    if command.endswith("list") or command in ("budgets", "history", "invocations", "limits", "providers"):
        assert set(value) == {"items", "next"}
        assert value["items"]
