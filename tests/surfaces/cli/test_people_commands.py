"""`orchvynt login`, `logout`, `whoami`, `people`: no secret in any output, and the session in a file that only its owner reads."""

import json
import stat
import threading
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import msgspec
import pytest
from docs.generate_cli_schemas import SHAPES
from tests.surfaces.admin.browsing import PASSWORD
from tests.surfaces.cli.shell import run
from tests.surfaces.cli.test_server_commands import as_admin
from tests.surfaces.world import World

from orchvynt.surfaces.admin.door import challenge_of
from orchvynt.surfaces.cli.kept_sessions import Kept, KeptSessions, UnkeepableError
from orchvynt.surfaces.cli.loopback import Coming

ANA = "ana@example.com"


def at_home(world: World, home: Path) -> dict[str, str]:
    return {"ORCHVYNT_SERVER": world.url, "HOME": str(home)}


def test_add_log_in_act_and_log_out(world: World, tmp_path: Path) -> None:
    env = at_home(world, tmp_path)
    added = run("people", "add", "Ana@Example.com", "--role", "operator", "--password", env=as_admin(world), stdin=PASSWORD + "\n")
    assert (added.exit_code, added.stdout) == (0, f"added  {ANA}, operator\n")
    refused = run("login", ANA, env=env, stdin="wrong password\n")
    assert (refused.exit_code, "wrong" in refused.stderr) == (1, True)
    logged_in = run("login", ANA, env=env, stdin=PASSWORD + "\n")
    assert (logged_in.exit_code, logged_in.stdout) == (0, f"logged in  {ANA} at {world.url}, operator\n")
    file = tmp_path / ".config" / "orchvynt" / "sessions.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    token = json.loads(file.read_text())[world.url]["token"]
    told = [logged_in, run("whoami", env=env), run("people", "list", env=env), run("people", "list", "--json", env=env)]
    assert all(PASSWORD not in result.output and token not in result.output for result in told)
    assert ANA in told[1].stdout
    assert told[2].stdout.splitlines()[1].split()[:4] == [ANA, "operator", "active", "password"]
    assert run("tokens", "list", env=env).exit_code == 1, "that needs an admin"
    assert run("whoami", env={**env, "ORCHVYNT_TOKEN": "ovt-viewer"}).stdout.split()[1] == "token:viewer"
    assert ANA in run("whoami", env={**env, "ORCHVYNT_ADMIN_TOKEN": "ovt-admin"}).stdout, "a person acts as one"
    logged_out = run("logout", env=env)
    assert (logged_out.exit_code, logged_out.stdout) == (0, f"logged out  {ANA} at {world.url}\n")
    assert world.ask("GET", "/me", token).status == 401
    assert run("logout", env=env).exit_code == 1
    assert run("whoami", env=env).exit_code == 1


def test_a_session_that_is_over_is_said_and_can_be_put_away(world: World, tmp_path: Path) -> None:
    env = at_home(world, tmp_path)
    world.person(ANA, "viewer", PASSWORD)
    assert run("login", ANA, env=env, stdin=PASSWORD).exit_code == 0
    assert run("people", "disable", ANA, env=as_admin(world)).exit_code == 0
    over = run("whoami", env=env)
    assert (over.exit_code, "session is over" in over.stderr, "orchvynt login" in over.stderr) == (1, True, True)
    assert run("logout", env=env).exit_code == 0


def test_role_password_disable_enable_unlink(world: World) -> None:
    env = as_admin(world)
    world.person(ANA, "viewer", PASSWORD)
    assert run("people", "role", ANA, "reviewer", env=env).stdout == f"changed  {ANA}, reviewer\n"
    assert run("people", "password", ANA, env=env, stdin="a new one, long enough\n").exit_code == 0
    assert world.ask("POST", "/login", role="", body={"email": ANA, "password": "a new one, long enough"}).status == 200
    assert run("people", "password", ANA, env=env, stdin="").exit_code == 1
    assert run("people", "password", ANA, env=env, stdin="short\n").exit_code == 1
    assert run("people", "disable", ANA, env=env).stdout == f"disabled  {ANA}, reviewer\n"
    assert run("people", "enable", ANA, env=env).exit_code == 0
    assert run("people", "unlink", ANA, env=env).exit_code == 0
    assert run("people", "role", ANA, "king", env=env).exit_code == 2
    assert run("people", "role", "zoe@example.com", "viewer", env=env).exit_code == 1


def test_json_is_as_published_and_has_no_secret(world: World, tmp_path: Path) -> None:
    env = {**at_home(world, tmp_path), "ORCHVYNT_TOKEN": "ovt-admin"}
    for command, result in {
        "people add": run("people", "add", ANA, "--password", "--json", env=env, stdin=PASSWORD),
        "people role": run("people", "role", ANA, "reviewer", "--json", env=env),
        "people list": run("people", "list", "--json", env=env),
        "login": run("login", ANA, "--json", env=env, stdin=PASSWORD),
        "whoami": run("whoami", "--json", env=env),
        "logout": run("logout", "--json", env=env),
        "people password": run("people", "password", ANA, "--json", env=env, stdin=PASSWORD),
        "people disable": run("people", "disable", ANA, "--json", env=env),
        "people enable": run("people", "enable", ANA, "--json", env=env),
        "people unlink": run("people", "unlink", ANA, "--json", env=env),
    }.items():
        assert result.exit_code == 0, (command, result.stderr)
        msgspec.json.decode(result.stdout, type=SHAPES[command])
        assert "ovs-" not in result.output
        assert PASSWORD not in result.output


def test_a_login_without_terminal_and_name_is_wrong_use(world: World, tmp_path: Path) -> None:
    assert run("login", env=at_home(world, tmp_path), stdin=PASSWORD).exit_code == 2


def test_sessions_of_several_servers_are_kept_apart(tmp_path: Path) -> None:
    kept = KeptSessions({"XDG_CONFIG_HOME": str(tmp_path), "HOME": "/nonexistent"})
    for name in ("a", "b"):
        kept.keep(f"http://{name}", Kept(ANA, f"ovs-{name}"))
    kept.forget("http://a")
    kept.forget("http://nowhere")
    assert (kept.of("http://a"), kept.of("http://b")) == (None, Kept(ANA, "ovs-b"))
    (tmp_path / "orchvynt" / "sessions.json").write_bytes(b"\xff not json")
    assert kept.of("http://b") is None
    with pytest.raises(UnkeepableError):
        KeptSessions({}).keep("http://a", Kept(ANA, "x"))
    (tmp_path / "file").write_text("")
    with pytest.raises(UnkeepableError):
        KeptSessions({"HOME": str(tmp_path / "file")}).keep("http://a", Kept(ANA, "x"))


def test_the_browser_brings_a_code_only_with_the_state_of_this_login() -> None:
    with Coming() as coming:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(coming.url("http://here")).query).items()}
        assert asked["challenge"] == challenge_of(coming.verifier)
        back = f"http://127.0.0.1:{asked['port']}/"

        def browse() -> None:
            for query in ("code=stolen&state=wrong", f"code=mine&state={asked['state']}"):
                try:
                    with urlopen(f"{back}?{query}", timeout=10):
                        pass
                except OSError:
                    continue

        browser = threading.Thread(target=browse)
        browser.start()
        assert coming.code(30) == "mine"
        browser.join(10)
        assert coming.code(0) == "mine"
    with Coming() as nobody:
        assert nobody.code(0) == ""
