"""Logins by an identity provider: authorization code with PKCE (RFC 7636, RFC 9700), bound to the browser by one cookie of ours.

State, nonce and verifier are made of that cookie and of a key of this process, so nothing is kept for logins that never come back.
"""

import asyncio
import hashlib
import hmac
import re
import secrets
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

import msgspec

from orchvynt.decisions.people.discovery import WELL_KNOWN, Discovery, read_discovery
from orchvynt.decisions.people.id_tokens import ALGORITHMS, Identity, identity_of, unfit
from orchvynt.language.snapshot import SecretRef
from orchvynt.model.faults import Fault
from orchvynt.model.roles import Role
from orchvynt.ports.clock import Clock
from orchvynt.ports.fetching import FetchError, Fetching
from orchvynt.ports.secrets import SecretMissingError, Secrets
from orchvynt.ports.signatures import SignatureError, Signatures

SECOND: Final = 1_000_000_000
KEPT_NS: Final = 600 * SECOND
LOGIN_NS: Final = 600 * SECOND
USED_MAX: Final = 10_000
CODE_CHARS_MAX: Final = 4_096
SCOPES: Final = ("openid", "email", "profile")
OF_THE_ADDRESS: Final = frozenset({"email", "email_verified"})
SAID: Final = re.compile(r"[a-z_]{1,64}")
AGAIN: Final = "Log in again from the login page."


class ProviderSettings(msgspec.Struct, frozen=True):
    """As the operator named it. `roles` says which group of the provider gives which role, `otherwise` what everybody else gets; None:
    nothing, and they do not come in. Without a `secret` the client is a public one. `scopes` are asked for beside our own."""

    issuer: str
    client_id: str
    redirect: str
    secret: SecretRef | None = None
    groups_claim: str = "groups"
    roles: tuple[tuple[str, Role], ...] = ()
    otherwise: Role | None = "viewer"
    scopes: tuple[str, ...] = ()


class Begun(msgspec.Struct, frozen=True):
    """Where the browser goes, and the cookie that it keeps meanwhile."""

    url: str
    cookie: str


class _ProviderError(Exception):
    """In words why a login did not work."""


class OidcProvider:
    """The identity provider of one process."""

    def __init__(self, settings: ProviderSettings, fetching: Fetching, signatures: Signatures, secrets_: Secrets, clock: Clock) -> None:
        self.settings = settings
        self._fetching = fetching
        self._signatures = signatures
        self._secrets = secrets_
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._discovery: tuple[Discovery, int] | None = None
        self._jwks: tuple[bytes, int] | None = None
        self._used: dict[str, int] = {}
        self._fetches = asyncio.Lock()
        self._failures = 0
        self._failure = ""

    async def begin(self) -> Begun | Fault:
        """A new login."""
        try:
            found = await self._discovered()
        except _ProviderError as error:
            return self._refused(str(error))
        cookie = f"{self._clock.now() // SECOND}.{secrets.token_urlsafe(32)}"
        cookie = f"{cookie}.{self._derived('cookie', cookie)}"
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self.settings.redirect,
            "scope": " ".join(dict.fromkeys((*SCOPES, *self.settings.scopes))),
            "state": self._derived("state", cookie),
            "nonce": self._derived("nonce", cookie),
            "code_challenge": _s256(self._derived("verifier", cookie)),
            "code_challenge_method": "S256",
        }
        return Begun(f"{found.authorization}{'&' if '?' in found.authorization else '?'}{urlencode(asked)}", cookie)

    async def finish(self, cookie: str, said: Mapping[str, str]) -> Identity | Fault:
        """Whom the provider sent back. `said` is the query of the address that it sent the browser to."""
        if (fault := self._unbound(cookie, said)) is not None:
            return fault
        try:
            found = await self._discovered()
            if said.get("iss", self.settings.issuer) != self.settings.issuer or (found.names_issuer and "iss" not in said):
                raise _ProviderError("the answer is of another issuer")
            if error := said.get("error"):
                raise _ProviderError(f"it says {error}" if SAID.fullmatch(error) else "it refuses")
            code = said.get("code", "")
            if not 0 < len(code) <= CODE_CHARS_MAX:
                raise _ProviderError("the answer has no code")
            tokens = await self._tokens(found, code, self._derived("verifier", cookie))
            claims = await self._claims(found, tokens, self._derived("nonce", cookie))
        except _ProviderError as error:
            return self._refused(str(error))
        identity = identity_of(claims, self.settings.groups_claim)
        return self._refused(identity) if isinstance(identity, str) else identity

    def _unbound(self, cookie: str, said: Mapping[str, str]) -> Fault | None:
        """A login that this browser did not begin here, that is over, or that was finished before."""
        head, _, mac = cookie.rpartition(".")
        began = head.partition(".")[0]
        if not hmac.compare_digest(self._derived("cookie", head).encode(), mac.encode("utf-8", "replace")) or not began.isdigit():
            return Fault("forbidden", "This browser has not begun a login here, or too long ago.", AGAIN)
        if not hmac.compare_digest(self._derived("state", cookie).encode(), said.get("state", "").encode("utf-8", "replace")):
            return Fault("forbidden", "The answer of the identity provider belongs to another login (`state`).", AGAIN)
        now = self._clock.now()
        self._used = {used: until for used, until in self._used.items() if until > now}
        until = int(began) * SECOND + LOGIN_NS
        if until <= now:
            return Fault("forbidden", f"The login took longer than {LOGIN_NS // SECOND // 60} minutes.", AGAIN)
        if head in self._used:
            return Fault("forbidden", "This login was finished before.", AGAIN)
        if len(self._used) >= USED_MAX:
            return Fault("overloaded", "Too many people are logging in.", "Try again in a few minutes.", retry_after_seconds=60)
        self._used[head] = until
        return None

    async def _tokens(self, found: Discovery, code: str, verifier: str) -> dict[str, Any]:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.settings.redirect, "code_verifier": verifier}
        headers: list[tuple[str, str]] = []
        secret = self._secret()
        if not secret or found.posts_secret:
            form |= {"client_id": self.settings.client_id, **({"client_secret": secret} if secret else {})}
        else:
            pair = f"{quote_plus(self.settings.client_id)}:{quote_plus(secret)}"
            headers.append(("authorization", f"Basic {b64encode(pair.encode()).decode()}"))
        return await self._asked(found.token, "it gave no token for the code", headers, urlencode(form))

    async def _claims(self, found: Discovery, tokens: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        token = tokens.get("id_token")
        if not isinstance(token, str):
            raise _ProviderError("it gave no id token")
        claims = await self._signed(found, token)
        now_s = self._clock.now() // SECOND
        if why := unfit(claims, self.settings.issuer, self.settings.client_id, nonce, now_s):
            raise _ProviderError(f"its id token is not taken: {why}")
        access = tokens.get("access_token")
        if {"email", self.settings.groups_claim} <= claims.keys() or not found.userinfo or not isinstance(access, str):
            return claims
        # Core 1.0, 5.4: in the code flow a provider may give the address, or the groups, only there.
        more = await self._asked(found.userinfo, "it does not say who that is", [("authorization", f"Bearer {access}")])
        if more.get("sub") != claims["sub"]:
            raise _ProviderError("it speaks of another account than its token")
        # Whether an address is verified is said where the address is.
        others = {name: value for name, value in more.items() if "email" not in claims or name not in OF_THE_ADDRESS}
        return {**others, **claims}

    async def _signed(self, found: Discovery, token: str) -> dict[str, Any]:
        try:
            return self._signatures.claims(token, await self._keys(found, KEPT_NS), ALGORITHMS)
        except SignatureError as error:
            if not error.unknown_key:
                raise _ProviderError(f"its id token is not taken: {error}") from None
        try:
            # The keys may have been changed since they were read, a moment ago even. How often this can be is how often logins begin.
            return self._signatures.claims(token, await self._keys(found, 0), ALGORITHMS)
        except SignatureError as error:
            raise _ProviderError(f"its id token is not taken: {error}") from None

    async def _discovered(self) -> Discovery:
        failures = self._failures
        async with self._fetches:
            if self._failures != failures:
                # Somebody has just waited for it in vain; were each to wait in turn, the last would wait for minutes.
                raise _ProviderError(self._failure)
            now = self._clock.monotonic()
            if self._discovery is None or now - self._discovery[1] >= KEPT_NS:
                self._discovery = (await self._read_discovery(), now)
            return self._discovery[0]

    async def _read_discovery(self) -> Discovery:
        try:
            raw = await self._raw(self.settings.issuer.rstrip("/") + WELL_KNOWN, "its discovery document cannot be read")
            found = read_discovery(raw, self.settings.issuer)
            if isinstance(found, str):
                raise _ProviderError(found)
        except _ProviderError as error:
            self._failures, self._failure = self._failures + 1, str(error)
            raise
        return found

    async def _keys(self, found: Discovery, kept_ns: int) -> bytes:
        async with self._fetches:
            now = self._clock.monotonic()
            if self._jwks is None or now - self._jwks[1] >= kept_ns:
                self._jwks = (await self._raw(found.jwks, "its keys cannot be read"), now)
            return self._jwks[0]

    async def _asked(self, url: str, failed: str, headers: list[tuple[str, str]], form: str | None = None) -> dict[str, Any]:
        try:
            return msgspec.json.decode(await self._raw(url, failed, headers, form), type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _ProviderError(f"{failed}: its answer is no JSON object") from None

    async def _raw(self, url: str, failed: str, headers: list[tuple[str, str]] | None = None, form: str | None = None) -> bytes:
        try:
            answer = await self._fetching.fetch(url, headers or (), form)
        except FetchError as error:
            raise _ProviderError(f"{failed}: {error}") from None
        if answer.status != 200:
            raise _ProviderError(f"{failed}: it answered {answer.status}")
        return answer.body

    def _secret(self) -> str:
        try:
            return self._secrets.resolve(self.settings.secret) if self.settings.secret is not None else ""
        except SecretMissingError as error:
            raise _ProviderError(f"the client's secret is missing: {error}") from None

    def _derived(self, what: str, cookie: str) -> str:
        return urlsafe_b64encode(hmac.digest(self._key, f"{what} {cookie}".encode("utf-8", "replace"), "sha256")).rstrip(b"=").decode()

    def _refused(self, why: str) -> Fault:
        said = f"The identity provider {self.settings.issuer} did not let you in: {why.rstrip('.')}."
        return Fault("forbidden", said, "Try again; if it stays so, tell whoever runs this server.")


def _s256(verifier: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
