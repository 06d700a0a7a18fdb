"""`orchvynt keys`: the secret alone on standard output, words on standard error, JSON as published."""

import json

import msgspec
import pytest
from docs.generate_cli_schemas import SHAPES
from tests.surfaces.cli.shell import run
from tests.surfaces.cli.test_server_commands import as_admin
from tests.surfaces.world import World

from orchvynt.decisions.identity.credentials import credential_digest


def test_issue_list_rotate_revoke(world: World) -> None:
    env = as_admin(world)
    issued = run("keys", "issue", "doc-team", env=env)
    secret = issued.stdout.strip()
    assert (issued.exit_code, secret.startswith("ov_"), "\n" in secret) == (0, True, False)
    assert "shown this once" in issued.stderr
    assert "no key doc-team yet" in issued.stderr, "a key that the policy does not name opens nothing"
    listed = run("keys", "list", env=env)
    [head, line] = listed.stdout.splitlines()
    assert head.split()[:3] == ["KEY", "ID", "STATE"]
    assert "doc-team" in line
    assert "not in the policy" in line
    assert secret not in listed.stdout
    rotated = run("keys", "rotate", "doc-team", "--overlap", "30m", env=env)
    assert rotated.stdout.strip() != secret
    assert "ends 2026-01-01T01:30:00.000000Z" in rotated.stderr
    revoked = run("keys", "revoke", "doc-team", env=env)
    assert (revoked.exit_code, revoked.stdout.startswith("revoked  doc-team  ")) == (0, True)
    assert world.keyring.name_of(credential_digest("", secret), 0) == ""
    again = run("keys", "revoke", "doc-team", env=env)
    assert again.exit_code == 1
    assert "no secret" in again.stderr


def test_json_is_as_published(world: World) -> None:
    env = as_admin(world)
    one = run("keys", "issue", "a/b", "--json", env=env)
    for command, result in {
        "keys issue": one,
        "keys rotate": run("keys", "rotate", "a/b", "--overlap", "0", "--json", env=env),
        "keys list": run("keys", "list", "--json", env=env),
        "keys revoke": run("keys", "revoke", "a/b", "--id", json.loads(one.stdout)["id"], "--json", env=env),
    }.items():
        assert result.exit_code == 0, result.stderr
        msgspec.json.decode(result.stdout, type=SHAPES[command])


@pytest.mark.parametrize("overlap", ["", "24", "1w", "-1h", "31d", "1.5h", "soon"])
def test_an_overlap_that_is_no_duration_is_wrong_use(world: World, overlap: str) -> None:
    result = run("keys", "rotate", "docs", "--overlap", overlap, env=as_admin(world))
    assert result.exit_code == 2
    assert world.audits == []
