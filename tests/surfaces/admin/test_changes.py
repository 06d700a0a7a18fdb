"""Changes of what is protected over the admin API and at the command line: they wait, are shown, and are voted on."""

import json

from tests.surfaces.cli.shell import run
from tests.surfaces.world import SECRETS, World

WEAKER = "version: 1\n# weaker\n"


def env(world: World) -> dict[str, str]:
    return {"ORCHVYNT_SERVER": world.url, "ORCHVYNT_TOKEN": SECRETS["admin"]}


def test_a_change_waits_is_shown_and_decided(world: World) -> None:
    world.ask("POST", "/policies", "admin", {"yaml": "version: 1\n", "message": "first"})
    asked = world.ask("POST", "/policies", "operator", {"yaml": WEAKER, "message": "why"})
    assert asked.status == 200
    assert (asked.json["version"], asked.json["waiting"]["change"], asked.json["waiting"]["weakens"]) == (1, "chg_1", ["gate g is removed"])
    assert world.audits[-1].what == "policy.apply waits"
    listed = world.ask("GET", "/policies/changes", "viewer").json["items"]
    assert [(one["change"], one["status"], one["approved_by"], one["version"]) for one in listed] == [("chg_1", "open", [], None)]
    assert world.ask("GET", "/policies/changes/chg_1", "viewer").json["yaml"] == WEAKER
    assert world.ask("GET", "/policies/changes/chg_9", "viewer").status == 404
    assert world.ask("POST", "/policies/changes/chg_1/decisions", "viewer", {"decision": "reject"}).status == 403
    done = world.ask("POST", "/policies/changes/chg_1/decisions", "reviewer", {"decision": "reject", "reason": "<b>no"})
    assert (done.status, done.json["waiting"]["status"], done.json["waiting"]["reason"]) == (200, "rejected", "<b>no")
    assert world.ask("GET", "/policies/changes", "viewer").json["items"] == []
    assert world.ask("GET", "/policies/changes?status=all", "viewer").json["items"][0]["decided_by"] == "token:reviewer"
    late = world.ask("POST", "/policies/changes/chg_1/decisions", "admin", {"decision": "approve"})
    assert (late.status, late.error["code"]) == (409, "conflict")


def test_breaking_the_glass_needs_an_admin_and_a_reason(world: World) -> None:
    body = {"yaml": WEAKER, "message": "why", "break_glass": True}
    assert world.ask("POST", "/policies", "operator", body).status == 403
    broken = world.ask("POST", "/policies", "admin", body)
    assert (broken.status, broken.json["weakened"], broken.json["waiting"]) == (200, ["gate g is removed"], None)
    assert "policy.break_glass" in [entry.what for entry in world.audits]
    assert world.ask("POST", "/policies/rollback", "admin", {"break_glass": True}).status == 400


def test_at_the_command_line(world: World, tmp_path: object) -> None:
    first, weaker = f"{tmp_path}/first.yaml", f"{tmp_path}/weaker.yaml"
    for path, text in ((first, "version: 1\n"), (weaker, WEAKER)):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    assert run("apply", first, "-m", "first", env=env(world)).exit_code == 0
    asked = run("apply", weaker, "-m", "why", env=env(world))
    assert asked.exit_code == 1
    assert "gate g is removed" in asked.stdout
    assert "waits as chg_1 until 2 of risk approve it" in asked.stderr
    as_json = run("apply", weaker, "-m", "why", "--json", env=env(world))
    assert (as_json.exit_code, json.loads(as_json.stdout)["waiting"]["change"]) == (1, "chg_1")
    listed = run("changes", "list", env=env(world))
    assert "chg_1" in listed.stdout
    assert "0 of 2" in listed.stdout
    shown = run("changes", "show", "chg_1", env=env(world))
    assert "gate g is removed" in shown.stdout
    assert json.loads(run("changes", "show", "chg_1", "--json", env=env(world)).stdout)["status"] == "open"
    assert run("changes", "reject", "chg_1", "--reason", "no", env=env(world)).stdout.startswith("rejected chg_1")
    assert run("changes", "approve", "chg_1", env=env(world)).exit_code == 1
    assert run("changes", "list", env=env(world)).stdout == "No change of what is protected waits.\n"
    assert run("apply", weaker, "-m", "now", "--break-glass", env=env(world)).exit_code == 0
