"""Logins at a real server by oidc-provider, an implementation that the OpenID Foundation has certified: another's reading of what PKCE,
nonces, keys and claims are, enforced by another's code."""

import http.client
import json
import re
import socket
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from tests.support.certified_provider import INSTALLED, CertifiedProvider, Visit
from tests.support.policies import three_tiers
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

pytestmark = pytest.mark.skipif(not INSTALLED, reason="oidc-provider is not installed (`make test` installs it)")

SECRET = "canary-client-secret-of-at-least-32-bytes"
GROUPS = "groups: {finance: {members: [zoe@example.com], oidc: finance-reviewers}}\n"
ANA = {"email": "Ana@Example.com", "email_verified": True, "name": "Ana", "groups": ["finance-reviewers"]}
ACCOUNTS: dict[str, dict[str, Any]] = {
    "ana": ANA,
    "ben": {"email": "ben@example.com", "email_verified": True},
    "other": {**ANA, "name": "Another Ana"},
    "unverified": {"email": "zoe@example.com", "email_verified": False},
    "nameless": {"name": "no address"},
    "hostile": {
        "email": "h@example.com",
        "email_verified": True,
        "name": "<script>alert(1)</script>\u202e",
        "groups": ["<b>x</b>", "a\r\nset-cookie: x=y", "\0", "'; DROP TABLE people; --", "finance-reviewers\u200b"],
    },
}


class Page(NamedTuple):
    status: int
    goes_to: str
    words: str


class Browser:
    """As far as cookies go, at our own pages."""

    def __init__(self, meeting: "Meeting") -> None:
        self.meeting = meeting
        self.cookies: dict[str, str] = {}

    def ask(self, path: str) -> Page:
        connection = http.client.HTTPConnection("127.0.0.1", self.meeting.server.admin_port, timeout=60)
        try:
            connection.request("GET", path, headers={"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())})
            answer = connection.getresponse()
            body = answer.read().decode()
            for set_cookie in answer.headers.get_all("set-cookie") or ():
                name, _, value = set_cookie.partition(";")[0].partition("=")
                self.cookies[name] = value
            assert SECRET not in body
            return Page(answer.status, answer.headers.get("location", ""), " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split()))
        finally:
            connection.close()

    def begin(self, goes_to: str = "/") -> str:
        page = self.ask(f"/login/oidc?{urlencode({'next': goes_to})}")
        assert page.status == 303, page
        return page.goes_to

    def come_back(self, url: str) -> Page:
        parts = urlsplit(url)
        return self.ask(f"{parts.path}?{parts.query}")

    def log_in(self, name: str, goes_to: str = "/") -> Page:
        return self.come_back(self.meeting.visit().log_in(self.begin(goes_to), name))

    @property
    def me(self) -> Any:
        return json.loads(self.ask_raw("/api/v1/me"))

    def ask_raw(self, path: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.meeting.server.admin_port, timeout=60)
        try:
            connection.request("GET", path, headers={"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())})
            return connection.getresponse().read()
        finally:
            connection.close()


class Meeting:
    """Our server and their provider, which the test may stop and start again."""

    def __init__(self, server: Serving, provider: CertifiedProvider) -> None:
        self.server = server
        self.provider = provider
        self.redirect = f"http://127.0.0.1:{server.admin_port}/login/oidc/callback"
        self.client = {"client_id": "orchvynt", "client_secret": SECRET, "redirect_uris": [self.redirect]}
        self.begin_anew()

    def begin_anew(self) -> None:
        self.provider.change(client=self.client, accounts=ACCOUNTS, settings={})

    def visit(self) -> Visit:
        return Visit(self.redirect)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meeting]:
    """The server is there before its provider."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    folder: Path = tmp_path_factory.mktemp("certified")
    named = ("--oidc-issuer", f"http://127.0.0.1:{port}", "--oidc-client-id", "orchvynt", "--oidc-client-secret", "${env:IDP_SECRET}")
    arguments = (*named, "--oidc-role", "finance-reviewers=reviewer")
    with (
        ScriptedProvider() as models,
        Serving(folder, three_tiers(models, GROUPS), {"IDP_SECRET": SECRET}, arguments) as server,
        CertifiedProvider({"client_id": "orchvynt", "redirect_uris": ["http://127.0.0.1/"]}, {}, port) as provider,
    ):
        yield Meeting(server, provider)
        assert SECRET not in server.log


@pytest.fixture
def meeting(shared: Meeting) -> Meeting:
    shared.begin_anew()
    return shared


def test_a_person_comes_in_with_name_role_and_groups(meeting: Meeting) -> None:
    browser = Browser(meeting)
    assert browser.log_in("ana", "/reviews?tab=2")[:2] == (303, "/reviews?tab=2")
    me = browser.me
    assert (me["who"], me["name"], me["role"], me["groups"], me["login"]) == (
        "ana@example.com", "Ana", "reviewer", ["finance"], "oidc"
    )  # fmt: skip
    assert Browser(meeting).log_in("ben", "//evil.example")[:2] == (303, "/")


def test_groups_are_those_of_the_last_login(meeting: Meeting) -> None:
    for groups, role, ours in (([], "viewer", []), (["finance-reviewers", "x"], "reviewer", ["finance"]), (None, "viewer", [])):
        meeting.provider.change(
            accounts={"ana": {**ANA, "groups": groups} if groups is not None else ACCOUNTS["ben"] | {"email": ANA["email"]}}
        )
        browser = Browser(meeting)
        assert browser.log_in("ana").status == 303
        assert (browser.me["role"], browser.me["groups"]) == (role, ours)


@pytest.mark.parametrize("conform", [True, False])
def test_claims_may_stand_in_the_token_or_be_asked_for(meeting: Meeting, conform: bool) -> None:
    meeting.provider.change(settings={"conformIdTokenClaims": conform})
    browser = Browser(meeting)
    assert browser.log_in("ana").status == 303
    assert browser.me["groups"] == ["finance"]


@pytest.mark.parametrize("algorithm", ["PS256", "ES256", "EdDSA", "RS256"])
def test_new_keys_of_every_kind_are_found_at_once(meeting: Meeting, algorithm: str) -> None:
    meeting.provider.change(algorithm=algorithm, client={**meeting.client, "id_token_signed_response_alg": algorithm})
    browser = Browser(meeting)
    assert browser.log_in("ana").status == 303
    assert browser.me["who"] == "ana@example.com"


def test_a_token_signed_with_the_shared_secret_lets_nobody_in(meeting: Meeting) -> None:
    meeting.provider.change(client={**meeting.client, "id_token_signed_response_alg": "HS256"})
    page = Browser(meeting).log_in("ana")
    assert (page.status, "an algorithm that is not allowed" in page.words) == (403, True)


@pytest.mark.parametrize(
    ("name", "said"), [("unverified", "email_verified"), ("other", "another account"), ("nameless", "no e-mail address")]
)
def test_who_is_not_let_in_is_told_why(meeting: Meeting, name: str, said: str) -> None:
    assert Browser(meeting).log_in("ana").status == 303
    browser = Browser(meeting)
    page = browser.log_in(name)
    assert (page.status, said in page.words) == (403, True), page
    assert "error" in browser.me
    entry = meeting.server.admin("/audit").json["items"][0]
    assert (entry["what"], entry["who"]) == ("login refused", "nobody")


def test_what_an_account_calls_itself_stays_text_and_gives_nothing(meeting: Meeting) -> None:
    browser = Browser(meeting)
    assert browser.log_in("hostile").status == 303
    assert (browser.me["name"], browser.me["role"], browser.me["groups"]) == ("", "viewer", [])
    page = browser.ask_raw("/")
    assert b"h@example.com" in page
    assert b"<script" not in page
    assert b"<b>x" not in page


def test_who_turns_back_at_the_provider_is_told_so(meeting: Meeting) -> None:
    page = Browser(meeting).log_in("")
    assert (page.status, "access_denied" in page.words) == (403, True)


def test_an_answer_is_good_once_and_in_the_browser_that_asked(meeting: Meeting) -> None:
    mine, others = Browser(meeting), Browser(meeting)
    back = meeting.visit().log_in(mine.begin(), "ana")
    others.begin()
    assert others.come_back(back).status == 403, "login CSRF: the answer belongs to another browser's login"
    assert "error" in others.me
    assert mine.come_back(back).status == 303
    session = dict(mine.cookies)
    assert mine.come_back(back).status == 403
    assert Browser(meeting).come_back(back).status == 403
    again = Browser(meeting)
    again.cookies = dict(session)
    assert again.log_in("ana").status == 303
    assert again.cookies["orchvynt-session"] != session["orchvynt-session"], "a session of before is never taken over"


def test_the_provider_itself_holds_us_to_pkce_and_to_the_registered_address(meeting: Meeting) -> None:
    browser = Browser(meeting)
    url = browser.begin()
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert asked["code_challenge_method"] == "S256"
    without = {name: value for name, value in asked.items() if not name.startswith("code_challenge")}
    back = meeting.visit().log_in(f"{url.partition('?')[0]}?{urlencode(without)}", "ana")
    assert parse_qs(urlsplit(back).query)["error"] == ["invalid_request"]
    assert "invalid_request" in browser.come_back(back).words
    stolen = parse_qs(urlsplit(meeting.visit().log_in(Browser(meeting).begin(), "ana")).query)["code"][0]
    victim = Browser(meeting)
    own = {name: values[0] for name, values in parse_qs(urlsplit(meeting.visit().log_in(victim.begin(), "ben")).query).items()}
    injected = victim.ask(f"/login/oidc/callback?{urlencode({**own, 'code': stolen})}")
    assert (injected.status, "it answered 400" in injected.words) == (403, True)
    mixed = Browser(meeting)
    back = meeting.visit().log_in(mixed.begin(), "ana")
    iss = urlencode({"iss": meeting.provider.issuer})
    assert iss in back, "RFC 9207: it names itself"
    assert "another issuer" in mixed.come_back(back.replace(iss, "iss=https%3A%2F%2Fevil.example")).words
    meeting.provider.change(client={**meeting.client, "redirect_uris": [meeting.redirect + "/"]})
    with pytest.raises(AssertionError, match="invalid_redirect_uri"):
        Browser(meeting).log_in("ana")


def test_while_the_provider_is_away_people_are_told_and_sessions_go_on(meeting: Meeting) -> None:
    browser, late = Browser(meeting), Browser(meeting)
    assert browser.log_in("ana").status == 303
    back = meeting.visit().log_in(late.begin(), "ben")
    meeting.provider.stop()
    page = late.come_back(back)
    assert (page.status, "cannot be reached" in page.words) == (403, True), page
    assert browser.me["who"] == "ana@example.com"
    assert "password" in Browser(meeting).ask("/login").words.lower()
    meeting.provider.start()
    assert Browser(meeting).log_in("ben").status == 303
