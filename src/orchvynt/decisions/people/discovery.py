"""What an identity provider says of itself (OpenID Connect Discovery 1.0), as far as it is used, and which addresses may be asked at all.

Only the issuer that the operator named is believed, and an endpoint of its document is asked on the issuer's own terms: over TLS, or where
the issuer itself is on the loopback, on the loopback.
"""

from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
WELL_KNOWN: Final = "/.well-known/openid-configuration"
URL_CHARS_MAX: Final = 2_048


class Discovery(msgspec.Struct, frozen=True):
    """Endpoints. `posts_secret`: the client's secret goes into the body, because the provider takes no Basic authentication."""

    authorization: str
    token: str
    jwks: str
    userinfo: str = ""
    posts_secret: bool = False
    names_issuer: bool = False


def may_ask(url: str, issuer: str) -> bool:
    """Whether a request may go to `url`, named by the provider of `issuer`. Pass the issuer itself to judge what an operator wrote."""
    if len(url) > URL_CHARS_MAX or not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        asked, named = urlsplit(url), urlsplit(issuer)
        usable = bool(asked.hostname) and asked.username is None and not asked.fragment and (asked.port or 1) > 0
    except ValueError:
        return False
    if asked.scheme == "https":
        return usable
    return usable and asked.scheme == "http" == named.scheme and asked.hostname in LOOPBACK and named.hostname in LOOPBACK


def read_discovery(raw: bytes, issuer: str) -> Discovery | str:
    """The document, or in words what is wrong with it."""
    try:
        given = msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "its discovery document is no JSON object"
    if given.get("issuer") != issuer:
        return "its discovery document is of another issuer"
    found: dict[str, str] = {}
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"):
        url = given.get(name, "")
        if not isinstance(url, str) or (url and not may_ask(url, issuer)) or not (url or name == "userinfo_endpoint"):
            return f"its discovery document has no usable `{name}` (https, without a fragment)"
        found[name] = url
    challenges = given.get("code_challenge_methods_supported")
    if isinstance(challenges, list) and "S256" not in challenges:
        return "it does not take PKCE with S256"
    methods = given.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    return Discovery(
        found["authorization_endpoint"],
        found["token_endpoint"],
        found["jwks_uri"],
        found["userinfo_endpoint"],
        isinstance(methods, list) and "client_secret_basic" not in methods,
        given.get("authorization_response_iss_parameter_supported") is True,
    )
