"""A small identity provider by our own hand, over real sockets: honest by default, and wrong in whatever way a test asks for.

`change` alters an id token's claims before it is signed, `answers` what a path answers, `sign` how a token is signed.
"""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

Claims = dict[str, Any]


class IdentityProvider:
    """A context that serves. `forms` are the token requests that came, with their authorization."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.now = now
        self.key = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})
        self.person: Claims = {"sub": "u1", "email": "ana@example.com", "email_verified": True, "groups": ["finance-reviewers"]}
        self.userinfo: Claims = {}
        self.discovery: Claims = {}
        self.change: Callable[[Claims], Claims] = lambda claims: claims
        self.sign: Callable[[Claims], str] = self.signed
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: list[str] = []
        self.forms: list[tuple[dict[str, str], str]] = []
        self._codes: dict[str, dict[str, str]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=lambda: self._server.serve_forever(0.02), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def signed(self, claims: Claims) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    def authorize(self, url: str) -> dict[str, str]:
        """What a person's browser brings back from the authorization endpoint."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert asked["code_challenge_method"] == "S256"
        code = base64.urlsafe_b64encode(f"{len(self._codes)} {asked['state']}".encode()).decode()
        self._codes[code] = asked
        return {"code": code, "state": asked["state"]}

    def answer(self, path: str, form: dict[str, str], authorization: str) -> tuple[int, bytes]:
        self.asked.append(path)
        if path in self.answers:
            return self.answers[path]
        match path:
            case "/.well-known/openid-configuration":
                return 200, json.dumps(self._document()).encode()
            case "/jwks":
                return 200, json.dumps({"keys": [self.key.as_dict(private=False)]}).encode()
            case "/userinfo":
                return 200, json.dumps(self.userinfo).encode()
            case "/token":
                self.forms.append((form, authorization))
                return self._token(form)
        return 404, b"{}"

    def _document(self) -> Claims:
        paths = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/jwks"}
        if self.userinfo:
            paths["userinfo_endpoint"] = "/userinfo"
        return {"issuer": self.issuer, **{name: self.issuer + path for name, path in paths.items()}, **self.discovery}

    def _token(self, form: dict[str, str]) -> tuple[int, bytes]:
        asked = self._codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        if asked is None or asked["code_challenge"] != challenge or asked["redirect_uri"] != form.get("redirect_uri"):
            return 400, b'{"error": "invalid_grant"}'
        now = int(self.now())
        claims = {"iss": self.issuer, "aud": asked["client_id"], "iat": now, "exp": now + 300, "nonce": asked["nonce"], **self.person}
        return 200, json.dumps({"id_token": self.sign(self.change(claims)), "access_token": "at", "token_type": "Bearer"}).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def _reply(self, form: dict[str, str]) -> None:
                status, body = provider.answer(urlsplit(self.path).path, form, self.headers.get("authorization", ""))
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                self._reply({})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0"))).decode()
                self._reply({name: values[0] for name, values in parse_qs(body).items()})

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing."""

        return Handler
