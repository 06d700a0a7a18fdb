"""Claims of id tokens and discovery documents as values; whole logins are in tests/runtime/test_oidc_provider.py."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchvynt.decisions.people.discovery import Discovery, may_ask, read_discovery
from orchvynt.decisions.people.id_tokens import identity_of, role_of, unfit

ISSUER = "https://idp.example/realms/one"
NOW = 1_000_000
CLAIMS: dict[str, Any] = {"iss": ISSUER, "aud": "us", "sub": "1", "nonce": "n", "iat": NOW, "exp": NOW + 60}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def test_the_claims_that_let_in() -> None:
    assert unfit(CLAIMS, ISSUER, "us", "n", NOW) == ""
    assert unfit(CLAIMS | {"exp": NOW - 59}, ISSUER, "us", "n", NOW) == "", "clocks may differ by a minute"


@given(st.sampled_from(["iss", "aud", "sub", "nonce", "iat", "exp", "azp", "nbf"]), JSON)
def test_whatever_stands_in_a_claim_it_is_judged_and_never_breaks(name: str, value: Any) -> None:
    why = unfit(CLAIMS | {name: value}, ISSUER, "us", "n", NOW)
    if name in ("iss", "nonce") and value != CLAIMS[name]:
        assert why
    if name == "aud" and not (value == "us" or (isinstance(value, list) and value == ["us"])):
        assert why


@given(st.dictionaries(st.sampled_from(["email", "email_verified", "groups", "name"]), JSON))
def test_whatever_an_identity_says_nobody_comes_in_unverified(claims: dict[str, Any]) -> None:
    found = identity_of({"sub": "1", **claims}, "groups")
    assert isinstance(found, str) or claims["email_verified"] is True


def test_the_highest_role_of_the_groups_counts() -> None:
    roles: dict[str, Any] = {"a": "admin", "r": "reviewer"}
    assert role_of(("r", "a", "x"), roles, "viewer") == "admin"
    assert role_of(("x",), roles, "viewer") == "viewer"
    assert role_of((), roles, None) is None


@pytest.mark.parametrize(
    ("url", "issuer", "may"),
    [
        ("https://other.example/token", ISSUER, True),
        ("http://idp.example/token", ISSUER, False),
        ("http://127.0.0.1:9/token", ISSUER, False),
        ("http://127.0.0.1:9/token", "http://localhost:8", True),
        ("http://10.0.0.1/token", "http://localhost:8", False),
        ("https://idp.example/x#y", ISSUER, False),
        ("https://u@idp.example/", ISSUER, False),
        ("https://", ISSUER, False),
        ("https://idp.example:99999/", ISSUER, False),
        ("https://[::1", ISSUER, False),
        ("file:///etc/passwd", ISSUER, False),
        ("", ISSUER, False),
    ],
)
def test_where_a_request_may_go(url: str, issuer: str, may: bool) -> None:
    assert may_ask(url, issuer) is may


@given(st.dictionaries(st.sampled_from(["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"]), JSON))
def test_a_document_is_read_or_refused_in_words(given_: dict[str, Any]) -> None:
    found = read_discovery(json.dumps({"issuer": ISSUER, **given_}).encode(), ISSUER)
    assert isinstance(found, str), "without all endpoints it is of no use"
    assert found


def test_a_document() -> None:
    given_ = {"authorization_endpoint": f"{ISSUER}/a", "token_endpoint": f"{ISSUER}/t", "jwks_uri": f"{ISSUER}/k"}
    assert read_discovery(json.dumps({"issuer": ISSUER, **given_}).encode(), ISSUER) == Discovery(
        f"{ISSUER}/a", f"{ISSUER}/t", f"{ISSUER}/k"
    )
