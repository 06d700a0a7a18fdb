"""Logging in by password, out, and what a session may do: every route is tried by people of every role, with and without its token."""

import asyncio
from collections.abc import Iterator

import pytest
from tests.surfaces.admin.browsing import PASSWORD, Browser, logged_in, token_of
from tests.surfaces.admin.test_access import concrete
from tests.surfaces.world import SECOND, World, serving

from orchvynt.adapters.passwords import Argon2Passwords
from orchvynt.model.roles import RANKS, Role
from orchvynt.ports.people import PersonRow
from orchvynt.surfaces.admin.asking import Row
from orchvynt.surfaces.admin.table import BESIDE, PREFIX, ROWS

HOUR = 3600 * SECOND
ANA = "ana@example.com"


class Crowd:
    """A world with one person of each role, in a browser and on the command line."""

    def __init__(self, world: World) -> None:
        self.world = world
        for role in RANKS:
            world.person(f"{role}@example.com", role, PASSWORD)
        self.browsers = {role: logged_in(world, f"{role}@example.com") for role in RANKS}
        self.tokens = {role: token_of(world, f"{role}@example.com") for role in RANKS}


@pytest.fixture(scope="module")
def crowd() -> Iterator[Crowd]:
    with serving() as running:
        yield Crowd(running)


def changes(row: Row) -> bool:
    return row.method not in ("GET", "HEAD")


@pytest.mark.parametrize("role", list(RANKS))
@pytest.mark.parametrize("row", [row for row in (*ROWS, *BESIDE) if row.role], ids=lambda row: f"{row.method} {row.path}")
def test_every_route_and_every_role_by_cookie_and_by_token(crowd: Crowd, row: Row, role: Role) -> None:
    """A body that is no JSON shows how far one comes: past the door it is a 400, and nothing is changed."""
    assert row.role is not None
    if row.path == "/logout":
        return  # it would end what the other cases use; it has its own test below
    raw = b"not json" if row.takes is not None else None
    path, prefix = concrete(row), "" if row in BESIDE else PREFIX
    browser = crowd.browsers[role]
    past = RANKS[role] >= RANKS[row.role]
    for answer in (
        browser.ask(row.method, path, raw=raw, prefix=prefix),
        crowd.world.ask(row.method, path, crowd.tokens[role], raw=raw, prefix=prefix),
    ):
        if past:
            assert answer.status in (200, 400, 404, 409), (row.path, answer)
        else:
            assert (answer.status, answer.error["code"]) == (403, "forbidden")
            assert f"needs {row.role}" in answer.error["message"]
    if changes(row):
        for csrf in ("", "0" * 64, crowd.browsers["admin" if role != "admin" else "viewer"].csrf):
            answer = browser.ask(row.method, path, raw=raw, csrf=csrf, prefix=prefix)
            assert (answer.status, answer.error["param"]) == (403, "x-orchvynt-csrf")
        foreign = browser.ask(row.method, path, raw=raw, prefix=prefix, headers={"origin": "https://evil.example"})
        assert (foreign.status, foreign.error["param"]) == (403, "origin")


def test_logout_ends_the_session_and_only_with_its_token(world: World) -> None:
    world.person(ANA, "viewer", PASSWORD)
    browser, other = logged_in(world, ANA), logged_in(world, ANA)
    assert browser.ask("POST", "/logout", csrf="").status == 403
    kept = dict(browser.cookies)
    assert browser.ask("POST", "/logout").json == {"email": ANA, "logged_out": True}
    assert browser.cookies == {}
    browser.cookies = kept
    assert browser.ask("GET", "/me").status == 401
    assert other.ask("GET", "/me").status == 200
    assert world.ask("POST", "/logout").status == 409, "a token has no session"


def test_a_login_says_who_one_is_and_sets_a_cookie_that_no_page_can_read(world: World) -> None:
    world.person(ANA, "reviewer", PASSWORD, "Ana")
    browser = Browser(world)
    answer = browser.log_in("  Ana@Example.COM ")
    assert answer.status == 200
    assert (answer.json["email"], answer.json["role"], answer.json["token"]) == (ANA, "reviewer", "")
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie, "plain HTTP on the loopback"
    assert answer.headers["cache-control"] == "no-store"
    me = browser.ask("GET", "/me").json
    assert (me["who"], me["name"], me["role"], me["login"], me["csrf"]) == (ANA, "Ana", "reviewer", "password", browser.csrf)
    assert world.ask("GET", "/me").json["who"] == "token:admin"


def test_over_tls_the_cookie_belongs_to_this_host_alone(world: World) -> None:
    from orchvynt.surfaces.admin.cookies import Jar

    cookie = Jar(secure=True).set("session", "x", 60)
    assert cookie == "__Host-orchvynt-session=x; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=60"
    assert Jar(secure=True).read("orchvynt-session=planted; __Host-orchvynt-session=mine", "session") == "mine"


def test_a_cookie_is_no_token_and_a_token_no_cookie(world: World) -> None:
    world.person(ANA, "viewer", PASSWORD)
    browser, token = logged_in(world, ANA), token_of(world, ANA)
    [(name, cookie)] = browser.cookies.items()
    assert world.ask("GET", "/me", cookie).status == 401
    assert world.ask("GET", "/me", role="", headers={"cookie": f"{name}={token}"}).status == 401
    assert world.ask("GET", "/me", token).json["who"] == ANA
    assert world.ask("POST", "/logout", token).status == 200
    assert world.ask("GET", "/me", token).status == 401


def test_what_a_wrong_login_is_told_does_not_say_who_there_is(world: World) -> None:
    world.person(ANA, "viewer", PASSWORD)
    world.person("nopassword@example.com", "viewer")
    gone = world.person("gone@example.com", "viewer", PASSWORD)
    assert world.ask("PATCH", f"/people/{gone.email}", body={"disabled": True}).status == 200
    wrong = [(ANA, "wrong password"), ("nobody@example.com", PASSWORD), ("nopassword@example.com", ""), (gone.email, PASSWORD)]
    wrong += [("no address", PASSWORD), (ANA, ""), (ANA, "x" * 100_000), (ANA + "\0", PASSWORD), ("", "")]
    bodies = {world.ask("POST", "/login", role="", body={"email": email, "password": given}).body for email, given in wrong}
    assert len(bodies) == 1
    assert b'"code":"unauthorized"' in bodies.pop()
    refused = [row for row in world.audits if row.what == "login refused"]
    assert [row.subject for row in refused[:2]] == [ANA, "nobody@example.com"]
    assert all(row.who == "nobody" for row in refused)
    assert PASSWORD not in repr(world.audits)


def test_too_many_tries_wait_whether_there_is_such_a_person_or_not(world: World) -> None:
    world.person(ANA, "viewer", PASSWORD)
    for email in (ANA, "nobody@example.com"):
        statuses = [world.ask("POST", "/login", role="", body={"email": email, "password": f"no {n}"}).status for n in range(11)]
        assert statuses == [401] * 10 + [429]
        waiting = world.ask("POST", "/login", role="", body={"email": email, "password": PASSWORD})
        assert (waiting.status, waiting.headers["retry-after"], waiting.error["code"]) == (429, "20", "rate_limited")
    world.clock.passed = 20 * SECOND
    assert Browser(world).log_in(ANA).status == 200
    for _ in range(12):
        assert Browser(world).log_in(ANA).status == 200, "right ones are not counted"


def test_nobody_says_where_they_come_from(world: World) -> None:
    world.person(ANA, "viewer", PASSWORD)
    statuses = [
        world.ask(
            "POST", "/login", role="", body={"email": ANA, "password": "no"},
            headers={"x-forwarded-for": f"10.0.0.{number}", "x-real-ip": f"10.0.0.{number}", "forwarded": f"for=10.0.0.{number}"},
        ).status
        for number in range(11)
    ]  # fmt: skip
    assert statuses == [401] * 10 + [429]
    assert all("10.0.0." not in row.why and "127.0.0.1" in row.why for row in world.audits)


def test_an_address_that_tries_many_accounts_waits_too(world: World) -> None:
    statuses = [world.ask("POST", "/login", role="", body={"email": f"p{n}@example.com", "password": "nothing"}).status for n in range(61)]
    assert statuses == [401] * 60 + [429]


def test_sessions_end_by_themselves_with_idleness_and_with_time(world: World) -> None:
    world.person(ANA, "viewer", PASSWORD)
    idle, busy, program = logged_in(world, ANA), logged_in(world, ANA), token_of(world, ANA)
    for hours in range(1, 12):
        world.clock.passed = hours * HOUR
        assert busy.ask("GET", "/me").status == 200
        assert world.ask("GET", "/me", program).status == 200
    assert idle.ask("GET", "/me").status == 401
    world.clock.passed = 12 * HOUR
    assert busy.ask("GET", "/me").status == 401, "whatever happens"
    assert world.ask("GET", "/me", program).status == 200
    world.clock.passed = 40 * HOUR
    assert world.ask("GET", "/me", program).status == 401


def test_a_new_password_of_ones_own_ends_the_other_sessions(world: World) -> None:
    world.person(ANA, "viewer", PASSWORD)
    browser, other, program = logged_in(world, ANA), logged_in(world, ANA), token_of(world, ANA)
    wrong = browser.ask("POST", "/me/password", {"old": "nonsense", "new": "a new one, long enough"})
    assert (wrong.status, wrong.error["param"]) == (403, "old")
    assert browser.ask("POST", "/me/password", {"old": PASSWORD, "new": "short"}).error["param"] == "password"
    assert browser.ask("POST", "/me/password", {"old": PASSWORD, "new": ANA}).status == 400
    assert browser.ask("POST", "/me/password", {"old": PASSWORD, "new": "a new one, long enough"}).status == 200
    assert (browser.ask("GET", "/me").status, other.ask("GET", "/me").status, world.ask("GET", "/me", program).status) == (200, 401, 401)
    assert Browser(world).log_in(ANA).status == 401
    assert Browser(world).log_in(ANA, "a new one, long enough").status == 200
    assert world.ask("POST", "/me/password", body={"old": "x", "new": "a new one, long enough"}).status == 409


def test_the_store_and_the_audit_hold_neither_password_nor_session(world: World) -> None:
    world.person(ANA, "viewer", PASSWORD)
    browser, token = logged_in(world, ANA), token_of(world, ANA)
    [cookie] = browser.cookies.values()
    rows = repr(asyncio.run(world.store.people())) + repr(world.audits) + repr(vars(world.store))
    assert all(secret not in rows for secret in (PASSWORD, cookie, token))
    assert "$argon2id$" in rows
    assert [row.what for row in world.audits] == ["login", "login"]


def test_a_hash_of_other_parameters_is_made_anew_at_a_login(world: World) -> None:
    async def weaker() -> PersonRow:
        return PersonRow(ANA, "", "viewer", 0, "start", password=await Argon2Passwords(memory_kib=16, passes=1).hash(PASSWORD))

    old = asyncio.run(weaker())
    assert asyncio.run(world.store.add_person(old))
    assert Browser(world).log_in(ANA).status == 200
    new = asyncio.run(world.store.person(ANA))
    assert new is not None
    assert (old.password.split("$")[3], new.password.split("$")[3]) == ("m=16,t=1,p=1", "m=8,t=1,p=1")
    assert Browser(world).log_in(ANA).status == 200


def test_a_code_for_the_command_line_is_good_once_and_for_who_asked(world: World) -> None:
    from orchvynt.surfaces.admin.door import challenge_of

    world.person(ANA, "viewer", PASSWORD)
    code = world.door.let_in(ANA, "oidc", ("finance-reviewers",), challenge_of("v" * 43))
    again = world.door.let_in(ANA, "oidc", (), challenge_of("v" * 43))
    late = world.door.let_in(ANA, "oidc", (), challenge_of("v" * 43))
    stolen = world.ask("POST", "/login/exchange", role="", body={"code": again, "verifier": "w" * 43})
    assert stolen.status == 401
    assert world.ask("POST", "/login/exchange", role="", body={"code": again, "verifier": "v" * 43}).status == 401, "it is used up"
    answer = world.ask("POST", "/login/exchange", role="", body={"code": code, "verifier": "v" * 43})
    assert (answer.status, world.ask("GET", "/me", answer.json["token"]).json["who"]) == (200, ANA)
    world.clock.passed = 61 * SECOND
    assert world.ask("POST", "/login/exchange", role="", body={"code": late, "verifier": "v" * 43}).status == 401
