"""Logins by an identity provider that is honest, mistaken or hostile: over real sockets, against one by our own hand."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from tests.support.identity_provider import Claims, IdentityProvider

from orchvynt.adapters.fetching import HttpFetching
from orchvynt.adapters.secrets import EnvSecrets
from orchvynt.adapters.signatures import JoseSignatures
from orchvynt.decisions.people.id_tokens import Identity
from orchvynt.language.snapshot import SecretRef
from orchvynt.model.faults import Fault
from orchvynt.runtime.oidc_provider import LOGIN_NS, Begun, OidcProvider, ProviderSettings

SECOND = 1_000_000_000
NOW = 1_767_229_200
REDIRECT = "http://127.0.0.1:4822/login/oidc/callback"
CANARY = "canary-client-secret/ü"


class Clock:
    def __init__(self) -> None:
        self.passed = 0

    def now(self) -> int:
        return NOW * SECOND + self.passed

    def monotonic(self) -> int:
        return self.passed


class Meeting:
    """Our side and theirs."""

    def __init__(self, theirs: IdentityProvider, **settings: Any) -> None:
        self.theirs = theirs
        self.clock = Clock()
        named = ProviderSettings(theirs.issuer, "orchvynt", REDIRECT, SecretRef("env", "OIDC_SECRET"))
        secrets = EnvSecrets({"OIDC_SECRET": CANARY})
        fetching = HttpFetching(seconds_max=5, bytes_max=100_000)
        self.ours = OidcProvider(msgspec.structs.replace(named, **settings), fetching, JoseSignatures(), secrets, self.clock)

    def begin(self) -> Begun:
        begun = asyncio.run(self.ours.begin())
        assert isinstance(begun, Begun), begun
        return begun

    def finish(self, begun: Begun, said: dict[str, str]) -> Identity | Fault:
        found = asyncio.run(self.ours.finish(begun.cookie, said))
        assert CANARY not in repr(found)
        return found

    def log_in(self) -> Identity | Fault:
        begun = self.begin()
        return self.finish(begun, self.theirs.authorize(begun.url))


@pytest.fixture(scope="module")
def key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "other", "use": "sig"})


@pytest.fixture
def theirs() -> Iterator[IdentityProvider]:
    with IdentityProvider(lambda: NOW) as provider:
        yield provider


def test_an_honest_login(theirs: IdentityProvider) -> None:
    meeting = Meeting(theirs)
    assert meeting.log_in() == Identity("u1", "ana@example.com", "", ("finance-reviewers",))
    form, authorization = theirs.forms[0]
    assert set(form) == {"grant_type", "code", "redirect_uri", "code_verifier"}
    assert base64.b64decode(authorization.removeprefix("Basic ")) == b"orchvynt:canary-client-secret%2F%C3%BC"
    assert isinstance(meeting.log_in(), Identity)
    assert theirs.asked.count("/jwks") == theirs.asked.count("/.well-known/openid-configuration") == 1, "kept"


def test_each_login_has_a_state_nonce_and_challenge_of_its_own(theirs: IdentityProvider) -> None:
    meeting = Meeting(theirs)
    asked = [parse_qs(urlsplit(meeting.begin().url).query) for _ in range(2)]
    for name in ("state", "nonce", "code_challenge"):
        assert asked[0][name] != asked[1][name]
        assert len(asked[0][name][0]) == 43
    assert asked[0]["redirect_uri"] == [REDIRECT]


def test_a_public_client_has_no_secret_and_one_that_posts_it_does(theirs: IdentityProvider) -> None:
    assert isinstance(Meeting(theirs, secret=None).log_in(), Identity)
    theirs.discovery = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert isinstance(Meeting(theirs).log_in(), Identity)
    (public, none), (posted, nothing) = theirs.forms
    assert (public["client_id"], "client_secret" in public, none) == ("orchvynt", False, "")
    assert (posted["client_secret"], nothing) == (CANARY, "")


def unsigned(claims: Claims) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in ({"alg": "none"}, claims)]
    return ".".join([*parts, ""])


def by_public_key(theirs: IdentityProvider) -> Callable[[Claims], str]:
    """HS256 with what everybody knows: the public key, as PEM."""

    def sign(claims: Claims) -> str:
        header = {"alg": "HS256", "kid": "first"}
        parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)]
        mac = hmac.new(theirs.key.as_pem(private=False), ".".join(parts).encode(), hashlib.sha256).digest()
        return ".".join([*parts, base64.urlsafe_b64encode(mac).rstrip(b"=").decode()])

    return sign


CHANGES: dict[str, tuple[Claims, str]] = {
    "another issuer": ({"iss": "https://evil.example"}, "another issuer"),
    "another audience": ({"aud": "somebody-else"}, "`aud`"),
    "no audience": ({"aud": None}, "`aud`"),
    "two audiences without azp": ({"aud": ["orchvynt", "other"]}, "`azp`"),
    "made for another": ({"aud": ["orchvynt", "other"], "azp": "other"}, "`azp`"),
    "over": ({"exp": NOW - 61}, "`exp`"),
    "no end": ({"exp": None}, "`exp`"),
    "an end in words": ({"exp": "2099-01-01"}, "`exp`"),
    "not yet": ({"nbf": NOW + 100}, "`nbf`"),
    "from the future": ({"iat": NOW + 3600}, "`iat`"),
    "an old one": ({"iat": NOW - 3600}, "`iat`"),
    "another login's": ({"nonce": "x" * 43}, "`nonce`"),
    "without nonce": ({"nonce": None}, "`nonce`"),
    "without account": ({"sub": ""}, "`sub`"),
    "unverified": ({"email_verified": False}, "`email_verified`"),
    "not said": ({"email_verified": None}, "`email_verified`"),
    "verified in words": ({"email_verified": "false"}, "`email_verified`"),
    "no address": ({"email": "Ana <ana@example.com>"}, "no e-mail address"),
    "groups of numbers": ({"groups": [1]}, "something else than names"),
    "too many groups": ({"groups": [f"g{n}" for n in range(1001)]}, "at most 1000"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_token_that_says_something_wrong_lets_nobody_in(theirs: IdentityProvider, name: str) -> None:
    values, said = CHANGES[name]
    theirs.change = lambda claims: {key: value for key, value in (claims | values).items() if value is not None}
    found = Meeting(theirs).log_in()
    assert isinstance(found, Fault)
    assert said in found.message
    assert found.code == "forbidden"


def test_several_audiences_with_us_as_the_party_are_right(theirs: IdentityProvider) -> None:
    theirs.change = lambda claims: claims | {"aud": ["other", "orchvynt"], "azp": "orchvynt"}
    assert isinstance(Meeting(theirs).log_in(), Identity)


@pytest.mark.parametrize("how", ["none", "HS256 with the public key", "another key", "garbage", "cut", "a giant"])
def test_a_token_that_the_provider_did_not_sign_lets_nobody_in(theirs: IdentityProvider, key: RSAKey, how: str) -> None:
    theirs.sign = {
        "none": unsigned,
        "HS256 with the public key": by_public_key(theirs),
        "another key": lambda claims: jwt.encode({"alg": "RS256", "kid": "first"}, claims, key),
        "garbage": lambda _: "a.b.c",
        "cut": lambda claims: theirs.signed(claims)[:-8],
        "a giant": lambda claims: theirs.signed(claims | {"x": "y" * 70_000}),
    }[how]
    found = Meeting(theirs).log_in()
    assert isinstance(found, Fault)
    assert "its id token is not taken" in found.message


def test_changed_keys_are_found_at_once_and_looked_for_once_a_login(theirs: IdentityProvider, key: RSAKey) -> None:
    meeting = Meeting(theirs)
    assert isinstance(meeting.log_in(), Identity)
    theirs.key = key
    assert isinstance(meeting.log_in(), Identity), "however lately the keys were read"
    theirs.key = RSAKey.generate_key(2048, {"kid": "other", "use": "sig"})
    assert isinstance(meeting.log_in(), Identity), "another key of the same name"
    assert theirs.asked.count("/jwks") == 3
    theirs.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": "other"}, claims, key)
    assert isinstance(meeting.log_in(), Fault)
    assert theirs.asked.count("/jwks") == 4
    theirs.sign = unsigned
    assert isinstance(meeting.log_in(), Fault)
    assert theirs.asked.count("/jwks") == 4, "no key would help"


def test_groups_may_come_from_the_userinfo_and_a_verified_address_from_nowhere_else(theirs: IdentityProvider) -> None:
    theirs.person = {"sub": "u1", "email": "ana@example.com", "email_verified": True}
    theirs.userinfo = {"sub": "u1", "email": "eve@example.com", "email_verified": False, "groups": ["finance"]}
    assert Meeting(theirs).log_in() == Identity("u1", "ana@example.com", "", ("finance",))
    theirs.person = {"sub": "u1", "email": "ana@example.com"}
    theirs.userinfo = {"sub": "u1", "email_verified": True, "groups": ["finance"]}
    found = Meeting(theirs).log_in()
    assert isinstance(found, Fault)
    assert "`email_verified`" in found.message
    theirs.person["email_verified"] = True
    theirs.answers["/userinfo"] = (500, b"{}")
    assert isinstance(Meeting(theirs).log_in(), Fault), "without its groups a person would lose a role that is theirs"


def test_further_scopes_are_asked_for(theirs: IdentityProvider) -> None:
    asked = parse_qs(urlsplit(Meeting(theirs, scopes=("groups", "email")).begin().url).query)
    assert asked["scope"] == ["openid email profile groups"]


def test_an_answer_belongs_to_the_browser_and_login_that_asked_and_counts_once(theirs: IdentityProvider) -> None:
    meeting = Meeting(theirs)
    mine, others = meeting.begin(), meeting.begin()
    said = theirs.authorize(mine.url)
    for cookie, given in (
        (others.cookie, said),
        ("", said),
        ("x" + mine.cookie, said),
        (mine.cookie, {**said, "state": "x" * 43}),
        (mine.cookie, {"code": said["code"]}),
    ):
        assert isinstance(meeting.finish(Begun("", cookie), given), Fault)
    assert theirs.forms == [], "nothing was asked with such a code"
    assert isinstance(meeting.finish(mine, said), Identity)
    again = meeting.finish(mine, said)
    assert isinstance(again, Fault)
    assert "finished before" in again.message
    late = meeting.begin()
    meeting.clock.passed = LOGIN_NS
    over = meeting.finish(late, theirs.authorize(late.url))
    assert isinstance(over, Fault)
    assert "took longer" in over.message


def test_a_code_that_was_used_or_is_anothers_lets_nobody_in(theirs: IdentityProvider) -> None:
    meeting = Meeting(theirs)
    first, second = meeting.begin(), meeting.begin()
    stolen = theirs.authorize(first.url)["code"]
    found = meeting.finish(second, {**theirs.authorize(second.url), "code": stolen})
    assert isinstance(found, Fault), "PKCE binds a code to the login that asked for it"
    assert "it answered 400" in found.message


def test_mixed_up_issuers_are_refused(theirs: IdentityProvider) -> None:
    meeting = Meeting(theirs)
    begun = meeting.begin()
    assert isinstance(meeting.finish(begun, {**theirs.authorize(begun.url), "iss": "https://evil.example"}), Fault)
    begun = meeting.begin()
    assert isinstance(meeting.finish(begun, {**theirs.authorize(begun.url), "iss": theirs.issuer}), Identity)
    theirs.discovery = {"authorization_response_iss_parameter_supported": True}
    strict = Meeting(theirs)
    assert isinstance(strict.log_in(), Fault), "RFC 9207: it says that it always names itself"
    theirs.discovery = {"issuer": "https://evil.example"}
    assert isinstance(asyncio.run(Meeting(theirs).ours.begin()), Fault)


def test_what_the_provider_refuses_is_told_without_its_words(theirs: IdentityProvider) -> None:
    meeting = Meeting(theirs)
    for error, told in (("access_denied", "it says access_denied"), ("<script>alert(1)</script>", "it refuses")):
        begun = meeting.begin()
        said = {"state": theirs.authorize(begun.url)["state"], "error": error, "error_description": "<b>call 0900</b>"}
        found = meeting.finish(begun, said)
        assert isinstance(found, Fault)
        assert told in found.message
        assert "<" not in found.text


ENDPOINTS = [
    {"token_endpoint": "http://evil.example/token"},
    {"jwks_uri": "ftp://127.0.0.1/jwks"},
    {"token_endpoint": "https://user:pass@idp.example/token"},
    {"authorization_endpoint": "javascript:alert(1)"},
    {"authorization_endpoint": "https://idp.example/a\r\nx: y"},
    {"token_endpoint": 7},
    {"token_endpoint": ""},
    {"userinfo_endpoint": "http://169.254.169.254/latest"},
    {"code_challenge_methods_supported": ["plain"]},
]


@pytest.mark.parametrize("discovery", ENDPOINTS, ids=str)
def test_only_addresses_on_the_issuers_own_terms_are_asked(theirs: IdentityProvider, discovery: Claims) -> None:
    theirs.discovery = discovery
    found = asyncio.run(Meeting(theirs).ours.begin())
    assert isinstance(found, Fault)
    assert theirs.asked == ["/.well-known/openid-configuration"]


@pytest.mark.parametrize("body", [b"", b"[]", b"not json", b'{"issuer": "\xff"}', b"[" * 50_000, b" " * 200_000])
@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/jwks", "/token"])
def test_documents_that_are_broken_or_giant_let_nobody_in(theirs: IdentityProvider, path: str, body: bytes) -> None:
    theirs.answers[path] = (200, body)
    meeting = Meeting(theirs)
    begun = asyncio.run(meeting.ours.begin())
    found = meeting.finish(begun, theirs.authorize(begun.url)) if isinstance(begun, Begun) else begun
    assert isinstance(found, Fault)
    assert found.code == "forbidden"


def test_redirects_are_not_followed_and_a_provider_that_is_away_is_told(theirs: IdentityProvider) -> None:
    theirs.answers["/.well-known/openid-configuration"] = (302, b"")
    found = asyncio.run(Meeting(theirs).ours.begin())
    assert isinstance(found, Fault)
    assert "it answered 302" in found.message
    away = asyncio.run(Meeting(theirs, issuer="http://127.0.0.1:9").ours.begin())
    assert isinstance(away, Fault)
    assert "cannot be reached" in away.message


def test_all_who_wait_for_a_provider_that_is_away_are_told_together(theirs: IdentityProvider) -> None:
    theirs.answers["/.well-known/openid-configuration"] = (503, b"")
    meeting = Meeting(theirs)

    async def begin_together() -> list[Begun | Fault]:
        return list(await asyncio.gather(*(meeting.ours.begin() for _ in range(20))))

    found = asyncio.run(begin_together())
    assert all(isinstance(one, Fault) and "it answered 503" in one.message for one in found)
    assert len(theirs.asked) == 1
    theirs.answers.clear()
    assert isinstance(meeting.log_in(), Identity), "and whoever comes later asks again"


def test_a_missing_client_secret_is_told_by_its_reference(theirs: IdentityProvider) -> None:
    found = Meeting(theirs, secret=SecretRef("env", "GONE_SECRET")).log_in()
    assert isinstance(found, Fault)
    assert "${env:GONE_SECRET}" in found.message


def test_an_address_may_come_from_the_userinfo_of_the_same_account(theirs: IdentityProvider) -> None:
    theirs.person = {"sub": "u1"}
    theirs.userinfo = {"sub": "u1", "email": "Ana@Example.com", "email_verified": True, "teams": "finance", "iss": "x"}
    assert Meeting(theirs, groups_claim="teams").log_in() == Identity("u1", "ana@example.com", "", ("finance",))
    theirs.userinfo["sub"] = "u2"
    found = Meeting(theirs).log_in()
    assert isinstance(found, Fault)
    assert "another account" in found.message
