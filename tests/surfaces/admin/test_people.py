"""People are listed, added and changed by an admin; whoever is disabled is out at once, and there is always one admin left."""

import pytest
from tests.surfaces.admin.browsing import PASSWORD, Browser, logged_in, token_of
from tests.surfaces.world import World

ANA = "ana@example.com"
HOSTILE = ["a\r\nb@x", "<script>@x", "x\0@y", "\u202e@x", "'; DROP TABLE people;--@x", "a@[::1]", "a" * 65 + "@x", "a@" + "b" * 64, "a@-b"]


def test_add_list_change(world: World) -> None:
    added = world.ask("POST", "/people", body={"email": "Ana@Example.com", "name": "Ana", "role": "reviewer", "password": PASSWORD})
    assert added.status == 201
    assert (added.json["email"], added.json["role"], added.json["has_password"]) == (ANA, "reviewer", True)
    assert (added.json["created_by"], added.json["disabled"], added.json["role_from"]) == ("token:admin", False, "here")
    assert PASSWORD not in added.body.decode()
    assert "argon2" not in added.body.decode()
    assert world.ask("POST", "/people", body={"email": "ANA@example.com"}).error["code"] == "conflict"
    assert world.ask("POST", "/people", body={"email": "ben@example.com"}).json["role"] == "viewer"
    listed = world.ask("GET", "/people", "operator").json
    assert [item["email"] for item in listed["items"]] == [ANA, "ben@example.com"]
    changed = world.ask("PATCH", "/people/ANA@example.com", body={"role": "operator", "name": "Ana L."})
    assert (changed.json["role"], changed.json["name"]) == ("operator", "Ana L.")
    assert world.ask("PATCH", "/people/zoe@example.com", body={"role": "viewer"}).status == 404
    assert world.ask("PATCH", f"/people/{ANA}", body={}).status == 400
    assert [(row.what, row.subject, row.why) for row in world.audits[:2]] == [
        ("person.add", ANA, "role reviewer, with a password"),
        ("person.add", ANA, "role viewer"),
    ]
    assert world.audits[-2].what == "person.change"


@pytest.mark.parametrize(
    "text", [*HOSTILE, "", "ana", "ana@", "@x", "a b@x", "ana@exa mple", "ana@example.com\n", "token:ana@x", "анна@x.y"]
)
def test_what_is_no_address_is_no_person(world: World, text: str) -> None:
    answer = world.ask("POST", "/people", body={"email": text})
    assert (answer.status, answer.error["param"]) == (400, "email")
    assert world.ask("GET", "/people").json["items"] == []


def test_whoever_is_disabled_is_out_at_once_and_back_when_enabled(world: World) -> None:
    world.person(ANA, "reviewer", PASSWORD)
    browser, token = logged_in(world, ANA), token_of(world, ANA)
    assert world.ask("PATCH", f"/people/{ANA}", body={"disabled": True}).json["disabled"] is True
    assert (browser.ask("GET", "/me").status, world.ask("GET", "/me", token).status) == (401, 401)
    assert Browser(world).log_in(ANA).status == 401
    assert world.ask("PATCH", f"/people/{ANA}", body={"disabled": False}).status == 200
    assert browser.ask("GET", "/me").status == 401, "the old session does not come back"
    assert Browser(world).log_in(ANA).status == 200


def test_a_role_holds_from_the_next_request_on_and_a_new_password_ends_sessions(world: World) -> None:
    world.person(ANA, "viewer", PASSWORD)
    browser = logged_in(world, ANA)
    assert browser.ask("GET", "/people").status == 403
    assert world.ask("PATCH", f"/people/{ANA}", body={"role": "operator"}).status == 200
    assert browser.ask("GET", "/people").status == 200
    assert world.ask("PATCH", f"/people/{ANA}", body={"password": "another one, long enough"}).status == 200
    assert browser.ask("GET", "/people").status == 401
    assert world.ask("PATCH", f"/people/{ANA}", body={"password": "short"}).error["param"] == "password"


def test_the_last_admin_stays_one(world: World) -> None:
    world.person(ANA, "admin", PASSWORD)
    browser = logged_in(world, ANA)
    for change in ({"disabled": True}, {"role": "operator"}):
        for answer in (browser.ask("PATCH", f"/people/{ANA}", change), world.ask("PATCH", f"/people/{ANA}", body=change)):
            assert (answer.status, answer.error["code"]) == (409, "conflict")
    world.person("ben@example.com", "admin")
    assert browser.ask("PATCH", f"/people/{ANA}", {"role": "viewer"}).status == 200
    assert browser.ask("PATCH", "/people/ben@example.com", {"role": "viewer"}).status == 403
    assert world.audits[-1].why == "role viewer"


def test_a_person_is_in_the_groups_of_the_policy_in_force(world: World) -> None:
    world.person(ANA, "reviewer", PASSWORD)
    browser = logged_in(world, ANA)
    assert browser.ask("GET", "/me").json["groups"] == []
    world.control.groups = {"finance": (ANA,), "heads": ("cfo@example.com",)}
    assert browser.ask("GET", "/me").json["groups"] == ["finance"]
    assert world.ask("GET", "/people").json["items"][0]["groups"] == ["finance"]


def test_a_vote_carries_the_person(world: World) -> None:
    world.person(ANA, "reviewer", PASSWORD)
    browser = logged_in(world, ANA)
    answer = browser.ask("POST", "/reviews/rev_1/decisions", {"decision": "approve", "reason": "fine"})
    assert answer.status == 404
    assert world.audits[-1].who == ANA
