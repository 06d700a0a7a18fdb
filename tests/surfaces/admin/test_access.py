"""Who comes in: tokens, roles, hosts. One table says every route's role, and every route is tried with every role."""

from collections.abc import Iterator

import pytest
from tests.surfaces.world import SECRETS, World, serving

from orchvynt.model.faults import Fault
from orchvynt.model.roles import RANKS, may
from orchvynt.ports.store import TokenRow
from orchvynt.surfaces.admin.asking import Row
from orchvynt.surfaces.admin.guard import host_name
from orchvynt.surfaces.admin.openapi import PARAMETER
from orchvynt.surfaces.admin.table import ROWS
from orchvynt.surfaces.admin.tokens import digest, new_secret, recognise


def concrete(row: Row) -> str:
    return PARAMETER.sub(lambda match: "1" if match.group(1) == "version" else "nothing", row.path)


@pytest.fixture(scope="module")
def shared() -> Iterator[World]:
    with serving() as running:
        yield running


@pytest.mark.parametrize("row", [row for row in ROWS if row.role], ids=lambda row: f"{row.method} {row.path}")
def test_each_route_refuses_the_roles_below_its_own(shared: World, row: Row) -> None:
    assert row.role is not None
    assert shared.ask(row.method, concrete(row), role="").status == 401
    for role in SECRETS:
        answer = shared.ask(row.method, concrete(row), role, raw=b"not json" if row.takes is not None else None)
        if RANKS[role] < RANKS[row.role]:
            assert (answer.status, answer.error["code"]) == (403, "forbidden")
            assert row.role in answer.error["message"]
        else:
            assert answer.status in (200, 400, 404, 409), (role, answer)


def test_health_needs_no_token(world: World) -> None:
    assert world.ask("GET", "/health", role="").json == {"status": "ok"}
    world.control.outage = "The store has been away for 6s."
    assert world.ask("GET", "/health", role="").json == {"status": "store_away"}
    world.control.draining = True
    assert world.ask("GET", "/health", role="").json == {"status": "draining"}


@pytest.mark.parametrize("authorization", ["", "Basic b3Z0", "Bearer", "Bearer ", "Bearer ovt-unknown", "ovt-admin", "Bearer \udcff\udcfe"])
def test_no_token_no_entry(shared: World, authorization: str) -> None:
    headers = {"authorization": authorization.encode("latin-1", "surrogateescape").decode("latin-1")} if authorization else {}
    answer = shared.ask("GET", "/status", role="", headers=headers)
    assert (answer.status, answer.error["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "ovt-" not in answer.body.decode().replace("orchvynt", "")


def test_recognise_is_exact_and_roles_contain_the_lower_ones() -> None:
    secret = new_secret()
    token = TokenRow("ana", "operator", digest(secret), 0, "start")
    others = [TokenRow(f"t{number}", "admin", digest(new_secret()), 0, "start") for number in range(3)]
    assert recognise(f"Bearer {secret}", [*others, token]) == token
    assert recognise(f"bearer  {secret} ", [token]) == token
    assert isinstance(recognise(f"Bearer {secret}x", [token]), Fault)
    assert isinstance(recognise(f"Bearer {token.sha256}", [token]), Fault)
    assert may(token.role, "viewer")
    assert may(token.role, "operator")
    assert not may(token.role, "admin")
    assert secret.startswith("ovt-")
    assert len(secret) > 40


def test_issue_use_list_revoke(world: World) -> None:
    issued = world.ask("POST", "/tokens", body={"name": "ci", "role": "viewer"})
    assert issued.status == 201
    secret = issued.json["secret"]
    assert issued.json["created_by"] == "token:admin"
    assert world.ask("GET", "/status", role=secret).status == 200
    assert world.ask("GET", "/tokens", role=secret).status == 403
    listed = world.ask("GET", "/tokens")
    assert "ci" in {item["name"] for item in listed.json["items"]}
    assert secret not in listed.body.decode()
    assert all(secret not in row.sha256 for row in world.token_rows)
    assert world.ask("POST", "/tokens", body={"name": "ci", "role": "admin"}).error["code"] == "conflict"
    assert world.ask("DELETE", "/tokens/ci").json == {"name": "ci", "revoked": True}
    assert world.ask("GET", "/status", role=secret).status == 401
    assert world.ask("DELETE", "/tokens/ci").status == 404
    assert [(row.what, row.subject) for row in world.audits] == [("token.issue", "ci"), ("token.revoke", "ci")]


@pytest.mark.parametrize("name", ["", " ", "a b", "a\nb", "é", "-a", "x" * 64, "a/b"])
def test_a_token_needs_a_plain_name(world: World, name: str) -> None:
    answer = world.ask("POST", "/tokens", body={"name": name, "role": "viewer"})
    assert (answer.status, answer.error["param"]) == (400, "name")


def test_a_token_of_the_environment_opens_and_cannot_be_revoked() -> None:
    fixed = TokenRow("environment", "admin", digest("s3cret"), 0, "start")
    with serving(fixed_tokens=(fixed,)) as world:
        assert world.ask("GET", "/tokens", role="s3cret").status == 200
        assert world.ask("DELETE", "/tokens/environment").status == 409
        assert world.ask("POST", "/tokens", body={"name": "environment", "role": "viewer"}).status == 409


def test_a_foreign_host_is_refused_before_anything_else() -> None:
    with serving(hosts=("gateway.example:4822",)) as world:
        for host in ("localhost", "127.0.0.1:1", "[::1]:4822", "LOCALHOST:80", "gateway.example", "localhost."):
            assert world.ask("GET", "/health", headers={"host": host}).status == 200, host
        for host in (
            "evil.example",
            "127.0.0.1.evil.example",
            "[::1].evil.example:4822",
            "gateway.example.evil.example",
            "localhost@evil",
            "",
        ):
            answer = world.ask("GET", "/health", headers={"host": host})
            assert (answer.status, answer.error["param"]) == (403, "host"), host


def test_host_names() -> None:
    assert host_name("[::1]:4822") == "[::1]"
    assert host_name("A.example:1") == "a.example"


def test_every_answer_carries_the_security_headers(world: World) -> None:
    answers = [
        world.ask("GET", "/health"),
        world.ask("GET", "/nothing"),
        world.ask("PUT", "/status"),
        world.ask("GET", "/status", role=""),
        world.ask("GET", "/openapi.json"),
        world.ask("GET", "/health", headers={"host": "evil"}),
    ]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-type"] == "application/json"
        assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "origin",
    ["null", "", "http://[", "http://[::1", "//127.0.0.1", "http://evil.example", "http://127.0.0.1@evil.example", "\xff", "https://"],
)
def test_whatever_an_origin_is_it_is_compared_whole(shared: World, origin: str) -> None:
    for path, prefix, media in (("/login", "/api/v1", "application/json"), ("/login", "", "application/x-www-form-urlencoded")):
        answer = shared.ask("POST", path, role="", raw=b"{}", prefix=prefix, headers={"origin": origin, "content-type": media})
        assert answer.status == 403, (path, answer)
    own = shared.ask("POST", "/login", role="", raw=b"{}", headers={"origin": shared.url})
    assert own.status == 400


def test_over_tls_an_origin_without_it_is_anothers() -> None:
    with serving(hosts=("gateway.example",)) as world:
        world.door.url = "https://gateway.example"
        for origin, status in (("https://gateway.example", 400), ("http://gateway.example", 403), ("https://gateway.example:8443", 403)):
            headers = {"origin": origin, "host": "gateway.example"}
            assert world.ask("POST", "/login", role="", raw=b"{}", headers=headers).status == status, origin
