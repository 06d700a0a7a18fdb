"""The keys of agents over the admin API: issued, rotated, revoked, each with its entry in the audit."""

import json

import pytest
from tests.surfaces.world import NOW, World

from orchvynt.decisions.identity.credentials import credential_digest

HOUR_S = 3_600


def opens(world: World, secret: str, later_s: int = 0) -> str:
    return world.keyring.name_of(credential_digest("", secret), NOW + later_s * 1_000_000_000)


def test_a_secret_is_shown_once_and_opens_at_once(world: World) -> None:
    issued = world.ask("POST", "/keys", body={"name": "doc-team"})
    assert issued.status == 201
    told = issued.json
    assert opens(world, told["secret"]) == "doc-team"
    assert (told["key"], told["state"], told["created_by"], told["in_policy"]) == ("doc-team", "valid", "token:admin", False)
    assert (told["created_at"], told["last_used_at"], told["expires_at"]) == ("2026-01-01T01:00:00.000000Z", "", "")
    listed = world.ask("GET", "/keys", role="operator")
    assert [item["id"] for item in listed.json["items"]] == [told["id"]]
    assert listed.json["items"][0]["last_used_at"] == "2026-01-01T01:00:00.000000Z"
    assert told["secret"] not in listed.body.decode()
    assert [(row.who, row.what, row.subject) for row in world.audits] == [("token:admin", "key.issue", "doc-team")]
    assert told["secret"] not in json.dumps([row.why for row in world.audits])


def test_only_an_admin_changes_keys_and_an_operator_sees_them(world: World) -> None:
    for role in ("viewer", "reviewer"):
        assert world.ask("GET", "/keys", role=role).status == 403
    for method, path, body in (
        ("POST", "/keys", {"name": "x"}),
        ("POST", "/keys/x/rotate", {}),
        ("DELETE", "/keys/x", None),
    ):
        assert world.ask(method, path, role="operator", body=body).status == 403
    assert world.audits == []


def test_rotation_keeps_the_old_secret_for_the_overlap(world: World) -> None:
    old = world.ask("POST", "/keys", body={"name": "team/docs"}).json
    rotated = world.ask("POST", "/keys/team%2Fdocs/rotate", body={"overlap_seconds": HOUR_S})
    assert rotated.status == 201
    told = rotated.json
    assert [(one["id"], one["expires_at"]) for one in told["before"]] == [(old["id"], "2026-01-01T02:00:00.000000Z")]
    assert [opens(world, told["secret"]), opens(world, old["secret"], HOUR_S - 1), opens(world, old["secret"], HOUR_S)] == [
        "team/docs",
        "team/docs",
        "",
    ]
    usual = world.ask("POST", "/keys/team%2Fdocs/rotate", body={}).json
    assert {one["expires_at"] for one in usual["before"]} == {"2026-01-01T02:00:00.000000Z", "2026-01-02T01:00:00.000000Z"}
    assert [row.what for row in world.audits] == ["key.issue", "key.rotate", "key.rotate"]
    assert [row.why for row in world.audits] == ["", "overlap 3600 s", "overlap 86400 s"]


def test_revoking_ends_one_secret_or_all(world: World) -> None:
    one, two, three = (world.ask("POST", "/keys", body={"name": "docs"}).json for _ in range(3))
    assert world.ask("DELETE", f"/keys/docs?id={one['id']}").json == {"key": "docs", "ids": [one["id"]], "revoked": True}
    assert [opens(world, each["secret"]) for each in (one, two, three)] == ["", "docs", "docs"]
    assert set(world.ask("DELETE", "/keys/docs").json["ids"]) == {two["id"], three["id"]}
    assert [opens(world, each["secret"]) for each in (one, two, three)] == ["", "", ""]
    gone = world.ask("DELETE", "/keys/docs")
    assert (gone.status, gone.error["code"]) == (404, "not_found")
    assert [row.what for row in world.audits][-2:] == ["key.revoke", "key.revoke refused"]


def test_what_cannot_be_is_refused(world: World) -> None:
    for name in ("", "-x", "a b", "x" * 101, "ключ"):
        assert world.ask("POST", "/keys", body={"name": name}).error["param"] == "name"
    for seconds in (-1, 31 * 86_400, "soon", 1.5):
        assert world.ask("POST", "/keys/docs/rotate", body={"overlap_seconds": seconds}).status == 400
    assert world.ask("POST", "/keys/docs/rotate", body={}).status == 404
    assert world.ask("DELETE", "/keys/docs?key=x").status == 400


@pytest.mark.parametrize("limit", [1, 2])
def test_the_list_pages(world: World, limit: int) -> None:
    made = [world.ask("POST", "/keys", body={"name": name}).json["id"] for name in ("a", "a-b", "b")]
    found, after = [], ""
    while True:
        page = world.ask("GET", f"/keys?limit={limit}&after={after}").json
        found += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        after = page["next"].replace(" ", "%20")
    assert found == made
