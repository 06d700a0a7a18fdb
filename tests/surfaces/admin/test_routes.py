"""Every route that the application has is known here, and none takes a credential that is over, revoked, or of the other plane."""

from collections.abc import Iterator
from typing import Any, cast

import pytest
from tests.surfaces.admin.browsing import PASSWORD, Browser, logged_in, token_of
from tests.surfaces.admin.test_access import concrete
from tests.surfaces.world import SECOND, FixedClock, World, reveal, serving

from orchvynt.adapters.fetching import HttpFetching
from orchvynt.adapters.secrets import EnvSecrets
from orchvynt.adapters.signatures import JoseSignatures
from orchvynt.runtime.oidc_provider import OidcProvider, ProviderSettings
from orchvynt.surfaces.admin.app import admin_app
from orchvynt.surfaces.admin.asking import Row
from orchvynt.surfaces.admin.table import BESIDE, PREFIX, ROWS

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
OPEN = {
    ("GET", "/api/v1/openapi.json"): 200,
    ("GET", "/api/v1/health"): 200,
    ("POST", "/api/v1/login"): 415,
    ("POST", "/api/v1/login/exchange"): 415,
    ("GET", "/"): 303,
    ("GET", "/login.css"): 200,
    ("GET", "/login"): 200,
    ("POST", "/login"): 415,
    ("POST", "/logout"): 415,
    ("GET", "/login/cli"): 400,
    ("POST", "/login/cli"): 415,
    ("GET", "/login/oidc"): 403,
    ("GET", "/login/oidc/callback"): 403,
    ("POST", "/slack/interactions"): 415,
}
"""What needs no role, with what somebody gets who asks without a body: nothing of these tells or changes anything."""
GUARDED = [row for row in (*ROWS, *BESIDE) if row.role is not None]
DAY = 24 * 3600 * SECOND


def provider() -> OidcProvider:
    """One that cannot be reached."""
    named = ProviderSettings("http://127.0.0.1:9", "orchvynt", "http://127.0.0.1:4822/login/oidc/callback")
    return OidcProvider(named, HttpFetching(), JoseSignatures(), EnvSecrets({}), FixedClock())


class Crowd:
    """A world in which all credentials that there ever were are not good any more."""

    def __init__(self, world: World) -> None:
        self.world = world
        world.person("gone@example.com", "admin", PASSWORD)
        world.person("stays@example.com", "admin", PASSWORD)
        world.person("late@example.com", "admin", PASSWORD)
        disabled, out, late = (logged_in(world, f"{name}@example.com") for name in ("gone", "stays", "late"))
        left = dict(out.cookies)
        tokens = {"a disabled person's": token_of(world, "gone@example.com"), "one that ended": token_of(world, "late@example.com")}
        tokens["a revoked one"] = world.ask("POST", "/tokens", body={"name": "ci", "role": "admin"}).json["secret"]
        cookie_id = next(iter(late.cookies.values()))
        assert world.ask("DELETE", "/tokens/ci").status == 200
        assert out.ask("POST", "/logout").status == 200
        assert world.ask("PATCH", "/people/gone@example.com", body={"disabled": True}).status == 200
        world.clock.passed = 8 * DAY
        tokens |= {
            "a browser's id": cookie_id,
            "a key of the data plane": "ov-0123456789ab-canary",
            "an id alone": "ovs-",
            "a stored digest": world.token_rows[0].sha256,
            "none": "",
        }
        self.headers = {name: {"authorization": f"Bearer {token}"} for name, token in tokens.items()}
        self.headers["the key's other header"] = {"x-api-key": "ovt-admin"}
        self.headers["a token in the cookie"] = {"cookie": "orchvynt-session=ovt-admin"}
        self.headers["basic"] = {"authorization": "Basic b3Z0LWFkbWluOg=="}
        for name, kept in (("disabled", disabled.cookies), ("logged out", left), ("ended", late.cookies)):
            self.headers[f"the cookie of a session that is {name}"] = {"cookie": "; ".join(f"{key}={kept[key]}" for key in kept)}


@pytest.fixture(scope="module")
def crowd() -> Iterator[Crowd]:
    with serving(provider=provider()) as running:
        yield Crowd(running)


def test_every_route_is_known() -> None:
    world = World()
    app = admin_app(
        world.control, FixedClock(), reveal, world.measure, world.keyring, world.people, world.door, provider=provider(),
        slack=cast(Any, object()),
    )  # fmt: skip
    served = {(method, cast(Any, route).path) for route in app.routes for method in cast(Any, route).methods if method != "HEAD"}
    assert served == {*OPEN, *((row.method, ("" if row in BESIDE else PREFIX) + row.path) for row in GUARDED)}


@pytest.mark.parametrize("row", GUARDED, ids=lambda row: f"{row.method} {row.path}")
def test_no_route_takes_what_is_not_good_any_more(crowd: Crowd, row: Row) -> None:
    prefix = "" if row in BESIDE else PREFIX
    before = len(crowd.world.audits)
    for name, headers in crowd.headers.items():
        answer = crowd.world.ask(row.method, concrete(row), "", raw=b"{}" if row.takes else None, headers=headers, prefix=prefix)
        assert answer.status == 401, (name, answer)
    if row.method == "GET":
        assert crowd.world.ask("HEAD", concrete(row), "", prefix=prefix).status == 401
    assert len(crowd.world.audits) == before


@pytest.mark.parametrize(("method", "path"), OPEN, ids=lambda value: str(value))
def test_what_needs_no_role_tells_nothing(crowd: Crowd, method: str, path: str) -> None:
    if path == "/slack/interactions":
        assert crowd.world.ask(method, path, "", prefix="", raw=b"").status == 404, "without a destination at Slack there is none"
        return
    before = len(crowd.world.audits)
    for headers in ({}, *crowd.headers.values()):
        answer = crowd.world.ask(
            method, path, "", prefix="", raw=None if method == "GET" else b"", headers={"content-type": "x/y", **headers}
        )
        assert answer.status == OPEN[method, path], answer
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert all(row.what == "login refused" for row in crowd.world.audits[before:])


def test_other_methods_are_refused_on_every_path(crowd: Crowd) -> None:
    paths: dict[str, set[str]] = {}
    for row in (*ROWS, *BESIDE):
        paths.setdefault(("" if row in BESIDE else PREFIX) + concrete(row), set()).add(row.method)
    for (method, path), _ in OPEN.items():
        if path != "/slack/interactions":
            paths.setdefault(path, set()).add(method)
    for path, known in paths.items():
        for method in METHODS:
            if method in known or (method == "HEAD" and "GET" in known):
                continue
            answer = crowd.world.ask(method, path, prefix="")
            # A path may fit a further pattern, `/policies/changes` that of a version; that one knows no such method either.
            assert answer.status in (404, 405), (method, path, answer)
            assert answer.status == 404 or answer.headers["allow"]


def test_a_session_is_nothing_to_a_browser_of_another_site(crowd: Crowd) -> None:
    browser = Browser(crowd.world)
    answer = browser.ask("OPTIONS", "/tokens", headers={"origin": "https://evil.example", "access-control-request-method": "POST"})
    assert answer.status == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]
