"""A mail server on loopback (aiosmtpd): in clear text, with STARTTLS, or TLS; with a login where asked. It keeps what it took."""

import socket
import ssl
import time
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

TLS = Path(__file__).parents[1] / "contract" / "upstream" / "tls"
AUTHORITY = TLS / "authority.pem"
USER, PASSWORD = "orchvynt@mail.example", "s3cret/with:signs@"
WAIT_S_MAX = 60.0

How = Literal["clear", "starttls", "tls"]


def free_port() -> int:
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        return int(reserved.getsockname()[1])


class Mailbox:
    """`refusals` are answers to the next messages' DATA, then it takes them."""

    def __init__(self, how: How = "clear", login: bool = False, refusals: tuple[str, ...] = (), port: int = 0) -> None:
        self.taken: list[EmailMessage] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.logins = 0
        self.password = PASSWORD
        self._refusals = list(refusals)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(TLS / "server.pem")
        options: dict[str, Any] = {}
        if login:
            # To demand a login where TLS is no command of SMTP, the library warns of; there its own check is by `login`.
            options = {"authenticator": self._knows, "auth_required": how == "starttls", "auth_require_tls": how == "starttls"}
        if how == "starttls":
            options |= {"tls_context": context, "require_starttls": True}
        self.port, self.how = port or free_port(), how
        tls = context if how == "tls" else None
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, ssl_context=tls, ready_timeout=WAIT_S_MAX, **options)

    def url(self, user: str = "", password: str = "") -> str:
        scheme = {"clear": "smtp", "starttls": "smtp+starttls", "tls": "smtps"}[self.how]
        credential = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
        return f"{scheme}://{credential}localhost:{self.port}"

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._controller.stop()

    def _knows(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
        fits = isinstance(given, LoginPassword) and (given.login, given.password) == (USER.encode(), self.password.encode())
        self.logins += fits
        return AuthResult(success=fits, handled=fits)

    async def handle_DATA(  # noqa: N802 - the library calls it so
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self._refusals:
            return self._refusals.pop(0)
        assert isinstance(envelope.content, bytes)
        parsed = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        self.envelopes.append((envelope.mail_from or "", list(envelope.rcpt_tos)))
        self.taken.append(parsed)
        return "250 taken"

    def wait_for(self, count: int) -> EmailMessage:
        until = time.monotonic() + WAIT_S_MAX
        while len(self.taken) < count and time.monotonic() < until:
            time.sleep(0.02)
        assert len(self.taken) >= count, f"{len(self.taken)} of {count} mails came"
        return self.taken[count - 1]
