"""Logins by an identity provider, from the button to the session: against oidc-provider-mock, another's implementation, and our own."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import pytest
from tests.support.identity_provider import IdentityProvider
from tests.surfaces.admin.browsing import PASSWORD, Browser
from tests.surfaces.world import NOW, SECOND, FixedClock, World, serving

from orchvynt.adapters.clock import SystemClock
from orchvynt.adapters.fetching import HttpFetching
from orchvynt.adapters.secrets import EnvSecrets
from orchvynt.adapters.signatures import JoseSignatures
from orchvynt.language.snapshot import SecretRef
from orchvynt.runtime.oidc_provider import OidcProvider, ProviderSettings

ANA = "ana@example.com"
CALLBACK = "/login/oidc/callback"
REDIRECT = f"http://127.0.0.1:4822{CALLBACK}"


class Stay(HTTPRedirectHandler):
    """Follows nothing."""

    def redirect_request(self, *_: Any) -> None:
        return None


def chosen(url: str, account: str) -> str:
    """What a person does at the provider's page, by its form; gives the query with which the browser comes back."""
    request = Request(url, urlencode({"sub": account}).encode())
    try:
        build_opener(Stay).open(request, timeout=20)
    except OSError as answer:
        location = str(answer.headers["location"])  # type: ignore[attr-defined]
        assert location.startswith(REDIRECT)
        return urlsplit(location).query
    raise AssertionError("the provider did not send the browser back")


@contextmanager
def meeting(issuer: str, clock: Any, **settings: Any) -> Iterator[World]:
    named = ProviderSettings(issuer, "orchvynt", REDIRECT, SecretRef("env", "OIDC_SECRET"), **settings)
    with serving(provider=OidcProvider(named, HttpFetching(), JoseSignatures(), EnvSecrets({"OIDC_SECRET": "canary"}), clock)) as world:
        yield world


@pytest.fixture
def theirs() -> Iterator[IdentityProvider]:
    with IdentityProvider(lambda: NOW / SECOND) as provider:
        yield provider


def came_back(browser: Browser, theirs: IdentityProvider, goes_to: str = "/") -> Any:
    url = browser.page(f"/login/oidc?{urlencode({'next': goes_to})}").headers["location"]
    return browser.page(f"{CALLBACK}?{urlencode(theirs.authorize(url))}")


@pytest.mark.filterwarnings("ignore")  # the mock's own libraries warn of their own future
def test_with_a_provider_that_others_wrote() -> None:
    import oidc_provider_mock

    people = [
        oidc_provider_mock.User(
            sub="u1", claims={"email": "Ana@Example.com", "email_verified": True, "name": "Ana", "groups": ["finance-reviewers"]}
        ),
        oidc_provider_mock.User(sub="u2", claims={"email": "ben@example.com", "email_verified": False}),
    ]
    with (
        oidc_provider_mock.run_server_in_thread(user_claims=people) as server,
        meeting(f"http://localhost:{server.server_port}", SystemClock(), roles=(("finance-reviewers", "reviewer"),)) as world,
    ):
        browser = Browser(world)
        assert "Log in with the identity provider" in browser.page("/login").body.decode()
        began = browser.page("/login/oidc?next=/reviews")
        assert "HttpOnly; SameSite=Lax" in began.headers["set-cookie"]
        query = chosen(began.headers["location"], "u1")
        done = browser.page(f"{CALLBACK}?{query}")
        assert (done.status, done.headers["location"]) == (303, "/reviews"), done.body
        me = browser.ask("GET", "/me").json
        assert (me["who"], me["name"], me["role"], me["login"]) == (ANA, "Ana", "reviewer", "oidc")
        assert Browser(world).page(f"{CALLBACK}?{query}").status == 403, "another browser with the same address"
        other = Browser(world)
        refused = other.page(f"{CALLBACK}?{chosen(other.page('/login/oidc').headers['location'], 'u2')}")
        assert (refused.status, b"email_verified" in refused.body) == (403, True)
        assert [(row.what, row.who) for row in world.audits][:2] == [("login", ANA), ("login refused", "nobody")]


def test_the_first_login_makes_the_person_and_each_sets_the_role(theirs: IdentityProvider) -> None:
    with meeting(theirs.issuer, FixedClock(), roles=(("ops", "operator"), ("admins", "admin"))) as world:
        browser = Browser(world)
        assert came_back(browser, theirs, "//evil.example").headers["location"] == "/"
        assert browser.ask("GET", "/me").json["role"] == "viewer"
        world.control.oidc = {"finance": "finance-reviewers", "heads": "heads"}
        assert browser.ask("GET", "/me").json["groups"] == ["finance"], "by the policy in force now"
        theirs.person["groups"] = ["ops", "admins"]
        assert came_back(Browser(world), theirs).status == 303
        assert browser.ask("GET", "/me").json["role"] == "admin"
        theirs.person["groups"] = ["ops"]
        assert came_back(Browser(world), theirs).status == 303
        assert browser.ask("GET", "/me").json["role"] == "operator"
        assert world.ask("PATCH", f"/people/{ANA}", body={"role": "reviewer"}).json["role_from"] == "here"
        assert came_back(Browser(world), theirs).status == 303
        assert browser.ask("GET", "/me").json["role"] == "reviewer", "what an admin set stays"


def test_whoever_is_disabled_unmapped_or_has_anothers_address_stays_out(theirs: IdentityProvider) -> None:
    with meeting(theirs.issuer, FixedClock(), otherwise=None) as world:
        assert came_back(Browser(world), theirs).status == 403
        assert world.ask("GET", "/people").json["items"] == []
        world.person(ANA, "operator", PASSWORD)
        assert came_back(Browser(world), theirs).status == 303, "who was added here needs no group"
        theirs.person["sub"] = "somebody-else"
        refused = came_back(Browser(world), theirs)
        assert (refused.status, b"another account" in refused.body) == (403, True)
        assert world.ask("PATCH", f"/people/{ANA}", body={"unlink": True}).json["has_oidc"] is False
        assert came_back(Browser(world), theirs).status == 303
        assert world.ask("PATCH", f"/people/{ANA}", body={"disabled": True}).status == 200
        assert came_back(Browser(world), theirs).status == 403
        assert world.audits[-1].what == "login refused"


def test_without_a_provider_there_is_no_such_way(world: World) -> None:
    assert Browser(world).page("/login/oidc").status == 404
    assert not re.search("identity provider", Browser(world).page("/login").body.decode())
