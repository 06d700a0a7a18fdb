"""The login pages: by password without JavaScript, back to where one came from and nowhere else, and inert whatever is typed."""

from urllib.parse import parse_qs, quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.surfaces.admin.browsing import PASSWORD, Browser
from tests.surfaces.world import SECOND, World

from orchvynt.surfaces.admin.door import challenge_of
from orchvynt.surfaces.admin.own_paths import own_path

ANA = "ana@example.com"


def logged_in(world: World, goes_to: str = "/") -> Browser:
    browser = Browser(world)
    fields = browser.fields("/login?next=" + quote(goes_to))
    answer = browser.page("/login", {**fields, "email": ANA, "password": PASSWORD})
    assert (answer.status, answer.headers["location"]) == (303, goes_to)
    return browser


def test_log_in_look_and_log_out(world: World) -> None:
    world.person(ANA, "reviewer", PASSWORD)
    world.control.groups = {"finance": (ANA,)}
    browser = logged_in(world)
    home = browser.page("/").body.decode()
    assert all(text in home for text in (ANA, "reviewer", "finance"))
    assert browser.page("/login").headers["location"] == "/", "who is inside need not log in"
    assert browser.page("/logout", {"csrf": "0" * 64}).status == 403
    assert browser.page("/logout", browser.fields("/")).headers["location"] == "/login"
    assert browser.page("/").headers["location"] == "/login"
    assert [row.what for row in world.audits] == ["login", "logout"]


def test_every_page_is_inert_and_kept_by_nobody(world: World) -> None:
    browser = Browser(world)
    for answer in (browser.page("/login"), browser.page("/"), browser.page("/login", {}), browser.page("/login/cli")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "same-origin", "with no-referrer our own forms come from `null`"
        assert b"<script" not in answer.body
    assert browser.page("/login.css").headers["content-type"].startswith("text/css")


@pytest.mark.parametrize("typed", ['"><script>alert(1)</script>', "' onfocus=alert(1) x='", "\u202egnp.exe", "a\r\nset-cookie: x=y", "\0"])
def test_what_is_typed_stays_text(world: World, typed: str) -> None:
    browser = Browser(world)
    fields = browser.fields("/login?next=" + quote(typed))
    assert fields["next"] == "/"
    answer = browser.page("/login", {**fields, "email": typed, "password": "wrong password"})
    assert (answer.status, b"<script" in answer.body, b"' onfocus" in answer.body) == (401, False, False)
    assert "wrong password" not in answer.body.decode().replace("the password is wrong", "")


def test_a_wrong_password_shows_the_form_again_and_too_many_tries_wait(world: World) -> None:
    browser = Browser(world)
    statuses = []
    for _ in range(11):
        fields = browser.fields("/login?next=/reviews")
        answer = browser.page("/login", {**fields, "email": ANA, "password": "wrong"})
        statuses.append(answer.status)
        assert 'value="/reviews"' in answer.body.decode(), "it is not forgotten where one wanted to go"
    assert statuses == [401] * 10 + [429]
    assert answer.headers["retry-after"] == "20"


def test_a_form_that_is_not_ours_logs_nobody_in(world: World) -> None:
    world.person(ANA, "viewer", PASSWORD)
    form = {"email": ANA, "password": PASSWORD, "next": "/"}
    victim = Browser(world)
    assert victim.page("/login", form).status == 403
    assert victim.page("/login", {**form, "csrf": ""}).status == 403
    fields = victim.fields("/login")
    assert victim.page("/login", {**form, **fields}, {"origin": "https://evil.example"}).status == 403
    assert victim.page("/login", {**form, **fields}, {"content-type": "text/plain"}).status == 415
    assert victim.page("/login", {**form, **fields, "x": "y" * 20_000}).status == 413
    assert (
        victim.ask("POST", "/login", raw=b"%ff=%fe&&&", prefix="", headers={"content-type": "application/x-www-form-urlencoded"}).status
        < 500
    )
    assert world.audits == []
    assert victim.page("/login", {**form, **fields}).status == 303


OTHERS = [
    "", "https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", "\\\\evil.example", "javascript:alert(1)", "evil",
    "/login", "/login?next=/login", "/logout", "/login/oidc/callback?code=1", "///evil.example", "/é", "/a b", "/" + "x" * 2_000, "http:/x",
]  # fmt: skip


@pytest.mark.parametrize("text", OTHERS)
def test_a_login_leads_nowhere_else(text: str) -> None:
    assert own_path(text) == "/"


@pytest.mark.parametrize("text", ["/", "/reviews/rev_1?tab=2#top", "/login/cli?port=5000&x=%2F", "/a//b"])
def test_a_login_leads_to_own_paths(text: str) -> None:
    assert own_path(text) == text


@given(st.text(max_size=40) | st.from_regex(r"[/\\]{0,3}[a-z.:@/\\\t]{0,12}"))
def test_wherever_it_leads_it_is_a_path_here(text: str) -> None:
    led = own_path(text)
    assert led.startswith("/")
    assert not led.startswith(("//", "/\\"))
    assert urlsplit(led).netloc == ""


def test_the_command_line_is_let_in_by_whoever_is_logged_in(world: World) -> None:
    world.person(ANA, "reviewer", PASSWORD)
    asked = f"/login/cli?port=50123&challenge={challenge_of('v' * 43)}&state={'s' * 20}"
    stranger = Browser(world)
    before = stranger.page(asked)
    assert before.headers["location"].startswith("/login?next=/login/cli%3Fport")
    browser = logged_in(world, asked)
    shown = browser.page(asked)
    assert ANA in shown.body.decode()
    assert "form-action 'self' http://127.0.0.1:*;" in shown.headers["content-security-policy"]
    fields = browser.fields(asked)
    assert browser.page("/login/cli", {**fields, "csrf": ""}).status == 403
    let_in = urlsplit(browser.page("/login/cli", fields).headers["location"])
    assert (let_in.scheme, let_in.netloc) == ("http", "127.0.0.1:50123")
    query = parse_qs(let_in.query)
    assert query["state"] == ["s" * 20]
    got = world.ask("POST", "/login/exchange", role="", body={"code": query["code"][0], "verifier": "v" * 43})
    assert (got.status, got.json["email"], got.json["token"][:4]) == (200, ANA, "ovs-")
    world.clock.passed = 61 * SECOND


@pytest.mark.parametrize("query", ["", "port=80", "port=99999", "port=5000&challenge=short", "port=5000@evil.example", "port=５０００"])
def test_what_orchvynt_login_did_not_make_is_refused(world: World, query: str) -> None:
    good = {"challenge": "c" * 43, "state": "s" * 20}
    extra = "".join(f"&{name}={value}" for name, value in good.items() if name not in query)
    assert Browser(world).page(f"/login/cli?{quote(query, safe='=&@')}{extra}").status == 400
