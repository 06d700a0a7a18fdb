"""Whatever is sent, the answer is one error shape: never a traceback, never a bare 500."""

import asyncio
import http.client
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.surfaces.world import GOOD, World, serving

from orchvynt.surfaces.admin.app import BODY_BYTES_MAX


@pytest.fixture(scope="module")
def shared() -> Iterator[World]:
    with serving() as running:
        yield running


@pytest.mark.parametrize(
    ("raw", "param"),
    [
        (b"", None),
        (b"{", None),
        (b"\xff\xfe", None),
        (b'{"yaml": "\xff"}', None),
        (b"[" * 100_000, None),
        (b"[]", None),
        (b'{"yaml": "a"}', None),
        (b'{"yaml": 1, "message": "m"}', "yaml"),
        (b'{"yaml": "a", "message": "m", "expected_version": "1"}', "expected_version"),
        (b'{"yaml": "a", "message": "m", "expectd_version": 1}', None),
        (b'{"yaml": "a", "message": "  "}', "message"),
    ],
)
def test_bad_bodies_are_400_and_say_where(shared: World, raw: bytes, param: str | None) -> None:
    answer = shared.ask("POST", "/policies", raw=raw)
    assert (answer.status, answer.error["code"], answer.error["param"]) == (400, "invalid_request", param)
    assert "Traceback" not in answer.body.decode()
    assert shared.policies == []


def test_a_body_that_is_not_declared_json_is_415(shared: World) -> None:
    answer = shared.ask("POST", "/policies", raw=b"yaml", headers={"content-type": "application/x-www-form-urlencoded"})
    assert (answer.status, answer.error["code"]) == (415, "unsupported_media")


def test_large_bodies_are_413_whether_declared_or_not(shared: World) -> None:
    answer = shared.ask("POST", "/policies", raw=b"x" * 10, headers={"content-length": str(BODY_BYTES_MAX + 1)})
    assert (answer.status, answer.error["code"]) == (413, "too_large")
    connection = http.client.HTTPConnection("127.0.0.1", shared.port, timeout=10)
    chunks = (b"x" * 65536 for _ in range(BODY_BYTES_MAX // 65536 + 2))
    headers = {"authorization": "Bearer ovt-admin", "content-type": "application/json"}
    with suppress(BrokenPipeError, ConnectionResetError):  # the refusal may come before the whole body has gone
        connection.request("POST", "/api/v1/policies", chunks, headers, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


def test_the_largest_body_that_fits_is_read(shared: World) -> None:
    yaml = "#" * (BODY_BYTES_MAX - 100)
    assert shared.ask("POST", "/policies/validate", body={"yaml": yaml}).json == {
        "valid": True,
        "problems": [],
        "bindings": [],
        "streams": [],
    }


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=-1",
        "limit=x",
        "limit=%D9%A3",
        "limit=99999999999999999999",
        "limt=3",
        "status=all",
        "limit=1&limit=2",
    ],
)
def test_bad_queries_are_400(shared: World, query: str) -> None:
    assert shared.ask("GET", f"/invocations?{query}").error["code"] == "invalid_request"


def test_unknown_paths_methods_and_versions(shared: World) -> None:
    assert shared.ask("GET", "/nothing").error["code"] == "not_found"
    assert shared.ask("GET", "/api/v2/status").error["code"] == "not_found"
    answer = shared.ask("PUT", "/policies", body={})
    assert (answer.status, answer.error["code"]) == (405, "method_not_allowed")
    assert {"GET", "POST"} <= {part.strip() for part in answer.headers["allow"].split(",")}
    assert shared.ask("GET", "/policies/7").error["message"] == "There is no policy version 7."
    assert shared.ask("GET", f"/policies/{'9' * 5000}").status == 404
    assert shared.ask("POST", "/policies/x/rollback", body={}).status == 404
    assert shared.ask("HEAD", "/status").body == b""


def test_a_store_that_is_away_is_503_with_the_cause(world: World) -> None:
    asyncio.run(world.store.close())
    answer = world.ask("GET", "/policies")
    assert (answer.status, answer.error["code"]) == (503, "store_unavailable")
    assert "the store is closed" in answer.error["message"]
    assert answer.headers["retry-after"] == "5"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60),
    st.sampled_from(["invocations", "runs", "reviews", "budgets/x", "tokens"]),
)
def test_no_reference_breaks_a_path(shared: World, reference: str, resource: str) -> None:
    from urllib.parse import quote

    answer = shared.ask("GET", f"/{resource}/{quote(reference, safe='')}")
    assert answer.status in (200, 404, 405)
    assert answer.json


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_no_body_breaks_a_change(shared: World, raw: bytes) -> None:
    for path in ("/policies", "/policies/rollback", "/policies/1/rollback", "/reviews/r/decisions", "/tokens"):
        answer = shared.ask("POST", path, raw=raw)
        assert answer.status in (400, 404)
        assert answer.error["message"]


def test_a_good_policy_still_passes(shared: World) -> None:
    assert shared.ask("POST", "/policies/validate", body={"yaml": GOOD}).json["valid"] is True
