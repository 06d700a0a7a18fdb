"""The command line itself: start-up, help, wrong use, local commands, schemas."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from docs.generate_cli_schemas import SHAPES, stale
from tests.surfaces.cli.shell import SCRIPTED_EXIT, Told, outside, run
from tests.surfaces.world import SECRETS, World

from orchvynt.surfaces.cli.app import build_app
from orchvynt.surfaces.cli.outside import DemoOptions, DoctorOptions, InitOptions, ScriptedProviderOptions, ServeOptions

ROOT = Path(__file__).parents[3]


def process(*arguments: str, code: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """The command line as a process of its own, into pipes."""
    start = ["-c", code] if code else ["-m", "tests.surfaces.cli.shell"]
    given = {"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", **environment}
    return subprocess.run([sys.executable, *start, *arguments], capture_output=True, text=True, env=given, cwd=ROOT, timeout=60)


def test_help_names_every_command_and_version_is_plain() -> None:
    told = process("--help")
    assert told.returncode == 0
    names = ("serve", "demo", "init", "validate", "test", "apply", "history", "rollback", "explain", "reviews", "budgets", "tokens")
    for name in (*names, "doctor"):
        assert f" {name} " in told.stdout
    assert "\x1b" not in told.stdout
    assert process("--version").stdout == "orchvynt 9.9.9 (pure)\n"


def test_what_every_start_imports_is_small() -> None:
    """Start-up time is held by what is imported, which does not depend on how busy the machine is."""
    code = "import orchvynt.surfaces.cli.app, sys; print(sorted(sys.modules))"
    names = set(ast.literal_eval(process(code=code).stdout))
    heavy = {
        "rich",
        "msgspec",
        "http.client",
        "ssl",
        "asyncio",
        "uvicorn",
        "starlette",
        "pydantic",
        "yaml",
        "httptools",
        "sqlite3",
    }
    assert not names & heavy
    assert len(names) < 250


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing"],
        ["apply", "x.yaml"],
        ["apply", "x.yaml", "-m", " "],
        ["apply", "x.yaml", "-m", "m", "--expect", "x"],
        ["rollback", "0"],
        ["diff", "0"],
        ["diff", "1", "0"],
        ["diff", "next.yaml", "1"],
        ["explain"],
        ["invocations", "--limit", "501"],
        ["reviews", "decide"],
        ["tokens", "issue", "ci"],
        ["tokens", "issue", "ci", "--role", "king"],
        ["serve", "--nothing"],
        ["serve", "--drain", "-1"],
    ],
)
def test_wrong_use_exits_2_and_asks_nobody(arguments: list[str]) -> None:
    told = run(*arguments, env={"ORCHVYNT_SERVER": "127.0.0.1:1"})
    assert told.exit_code == 2
    assert told.stdout == ""
    assert told.stderr


def test_local_commands_get_their_options_and_give_the_exit_code() -> None:
    told = Told()
    lines = [
        ["serve"],
        ["serve", "--policy", "p.yaml", "--listen", "h:1", "--admin", "h:2", "--store", "sqlite:///x", "--secret-env", "A_*, B",
         "--secret-dir", "/s", "--insecure-admin", "--drain", "5", "--watch"],
        ["demo"],
        ["demo", "--local", "--keep", "d"],
        ["init"],
        ["init", "x.yaml", "--force"],
        ["doctor", "--json", "--server", "h:1", "--policy", "p"],
        ["scripted-provider", "--listen", "h:0", "--script", "s", "--ledger", "l", "--control", "c:0", "--stop-with-stdin"],
    ]  # fmt: skip
    assert [run(*line, told=told).exit_code for line in lines] == [SCRIPTED_EXIT] * len(lines)
    assert told.options == [
        ServeOptions("", "", "", "", (), "", False, 30.0),
        ServeOptions("p.yaml", "h:1", "h:2", "sqlite:///x", ("A_*", "B"), "/s", True, 5.0, True),
        DemoOptions(False, ""),
        DemoOptions(True, "d"),
        InitOptions("orchvynt.yaml", False),
        InitOptions("x.yaml", True),
        DoctorOptions("p", "h:1", True),
        ScriptedProviderOptions("h:0", "s", "l", "c:0", True),
    ]


def test_validate_prints_problems_with_their_places(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("version: 1\n# discouraged\n")
    fine = run("validate", str(file))
    assert (fine.exit_code, fine.stdout) == (0, f"{file}:2:3: warning: this is discouraged\nvalid  {file}\n")
    file.write_text("modles: {}\n")
    bad = run("validate", str(file))
    assert bad.exit_code == 1
    assert bad.stdout == f"{file}:1:1: unknown field `modles`\n  modles: {{}}\n  ^^^^^^\n  help: Did you mean `models`?\n"
    assert bad.stderr == f"orchvynt: {file} has 1 problem.\n"
    assert run("validate", "-", stdin="modles: 1\n").stdout.startswith("<stdin>:1:1: ")
    assert run("validate", str(tmp_path / "none.yaml")).exit_code == 1
    assert run("validate", str(tmp_path)).exit_code == 1
    assert run("validate", str(file), "--json").exit_code == 1


def test_a_process_in_a_pipe_writes_utf8_or_escapes(world: World) -> None:
    known = {"ORCHVYNT_SERVER": world.url, "ORCHVYNT_TOKEN": SECRETS["admin"]}
    assert process("status", **known).returncode == 0
    assert process("history", PYTHONIOENCODING="ascii", **known).returncode == 0
    assert process("status", ORCHVYNT_SERVER=world.url, ORCHVYNT_TOKEN="wrong").returncode == 1


def test_the_published_schemas_are_up_to_date() -> None:
    assert stale() == [], "run `python docs/generate_cli_schemas.py`"


def test_every_command_with_json_has_a_schema() -> None:
    app = build_app(outside(Told(), {}, Path()))
    group = typer.main.get_command(app)
    with_json: set[str] = set()
    pending = [("", group)]
    while pending:
        prefix, command = pending.pop()
        below = getattr(command, "commands", {})
        pending += [(f"{prefix}{name} ", child) for name, child in below.items()]
        if any("--json" in parameter.opts for parameter in command.params):
            with_json.add(prefix.strip())
    assert with_json == set(SHAPES)
