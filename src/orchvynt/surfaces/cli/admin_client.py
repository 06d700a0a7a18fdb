"""Asks the admin API over one HTTP connection of the standard library. Redirects are never followed, answers are bounded."""

import http.client
import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode, urlsplit

import msgspec

from orchvynt.surfaces.operator_shapes import Refusal, RefusalBody

DEFAULT_SERVER: Final = "127.0.0.1:4822"
DEFAULT_PORT: Final = 4822
ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
TIMEOUT_SECONDS: Final = 60.0


class Server(NamedTuple):
    tls: bool
    host: str
    port: int

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"


class AskError(Exception):
    """No answer came, or none of an OrchVynt: what happened, and what to do."""

    def __init__(self, message: str, help_text: str = "") -> None:
        super().__init__(message)
        self.help_text = help_text


class RefusedError(Exception):
    """The server refused. `raw` is its answer."""

    def __init__(self, status: int, refusal: Refusal, raw: bytes) -> None:
        super().__init__(refusal.message)
        self.status = status
        self.refusal = refusal
        self.raw = raw


def server_address(text: str) -> Server:
    """`host:port`, `http://host:port`, `https://host` → Server. Raises ValueError."""
    given = text if "://" in text else f"//{text}"
    parts = urlsplit(given)
    host = parts.hostname or ""
    if any(sign.isspace() or not sign.isprintable() for sign in host):
        raise ValueError(f"{text!r} holds a space or a control character, which no address does")
    if parts.scheme not in ("", "http", "https") or not host or parts.path.strip("/") or parts.query or parts.username:
        raise ValueError(f"{text!r} is not an address such as http://{DEFAULT_SERVER}")
    return Server(parts.scheme == "https", host, parts.port or DEFAULT_PORT)


class AdminClient:
    """`token` may be empty; then only what needs none is answered."""

    def __init__(self, server: Server, token: str, version: str) -> None:
        self.server = server
        self._token = token
        self._version = version

    def speaking_as(self, token: str) -> "AdminClient":
        """The same server, with another token."""
        return AdminClient(self.server, token, self._version)

    def ask(self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None) -> bytes:
        """The JSON of the answer. Raises RefusedError, or AskError if none came."""
        given = {name: value for name, value in (query or {}).items() if value}
        target = f"/api/v1{path}{f'?{urlencode(given)}' if given else ''}"
        headers = {"accept": "application/json", "user-agent": f"orchvynt/{self._version}"}
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        payload = None
        if body is not None:
            headers["content-type"] = "application/json"
            payload = msgspec.json.encode(body)
        status, raw = self._exchange(method, target, payload, headers)
        if status < 300:
            return raw
        try:
            refusal = msgspec.json.decode(raw, type=RefusalBody).error
        except msgspec.DecodeError as foreign:
            raise self._foreign(f"it answered {status}") from foreign
        raise RefusedError(status, refusal, raw)

    def read(self, raw: bytes, shape: Any) -> Any:
        """The answer as one of the operator's shapes. Raises AskError if it is something else."""
        try:
            return msgspec.json.decode(raw, type=shape)
        except msgspec.DecodeError as foreign:
            raise self._foreign("its answer has another shape") from foreign

    def check_json(self, raw: bytes) -> None:
        """Raises AskError if the answer is no JSON at all."""
        try:
            json.loads(raw)
        except ValueError as foreign:
            raise self._foreign("its answer is not JSON") from foreign

    def _exchange(self, method: str, target: str, payload: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        kind = http.client.HTTPSConnection if self.server.tls else http.client.HTTPConnection
        connection = kind(self.server.host, self.server.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, target, payload, headers)
            with connection.getresponse() as answer:
                raw = answer.read(ANSWER_BYTES_MAX + 1)
        except TimeoutError as late:
            raise AskError(f"{self.server.url} did not answer within {TIMEOUT_SECONDS:g} s.", "Is it overloaded? Try again.") from late
        except ConnectionRefusedError as refused:
            help_text = "Start it with `orchvynt serve`, or name another one with --server or ORCHVYNT_SERVER."
            raise AskError(f"Nothing answers at {self.server.url} (connection refused).", help_text) from refused
        except (OSError, http.client.HTTPException, ValueError) as broken:
            raise AskError(
                f"{self.server.url} cannot be asked ({broken or type(broken).__name__}).", "Is --server the address of the admin port?"
            ) from broken
        finally:
            connection.close()
        if len(raw) > ANSWER_BYTES_MAX:
            raise AskError(f"The answer of {self.server.url} is larger than {ANSWER_BYTES_MAX} bytes.", "Ask for less, with --limit.")
        return answer.status, raw

    def _foreign(self, why: str) -> AskError:
        return AskError(
            f"{self.server.url} does not speak OrchVynt's admin API: {why}.",
            "Is --server the admin port (4822) and not the data port (4821)?",
        )
