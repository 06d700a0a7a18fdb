"""Sends mail with the standard library's smtplib, which blocks: each on a thread of a pool, and each with an end, whatever the server does.
TLS is verified; a password never goes in clear text to another machine.
"""

import asyncio
import base64
import smtplib
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Lock
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

from orchvynt.ports.channels import Mail, Refusal

TIMEOUT_S: Final = 15.0
"""Between two answers of the server."""
WHOLE_S: Final = 60.0
# Several destinations may each have all they are allowed under way, and hang, before another one has to wait.
THREADS_MAX: Final = 16
_REFUSED_FOR_GOOD: Final = frozenset({550, 552, 554})
_PORTS: Final = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_SHAPE: Final = "smtps://USER:PASSWORD@HOST[:PORT], smtp+starttls:// for STARTTLS, or smtp:// for clear text"


class Server(msgspec.Struct, frozen=True):
    scheme: str
    host: str
    port: int
    user: str
    password: str


def server_of(url: str) -> Server | Refusal:
    """Takes the URL apart. What is refused is never quoted: it holds a password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return Refusal(f"the URL of the mail server cannot be read; it is {_SHAPE}")
    if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        return Refusal(f"the URL of the mail server is not {_SHAPE}")
    found = Server(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], unquote(parts.username or ""), unquote(parts.password or ""))
    if found.scheme == "smtp" and found.password and found.host not in _LOOPBACK:
        return Refusal("a password would go to the mail server in clear text; write smtp+starttls:// or smtps://")
    return found


class Brake:
    """Ends a connection from outside of its thread, whatever that waits for. Its descriptor is its own: TLS does not take it over."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._held: socket.socket | None = None
        self._pulled = False

    def hold(self, connection: socket.socket) -> None:
        with self._lock:
            if self._held is not None:
                self._held.close()
            self._held = connection.dup()
            if self._pulled:
                self._shut()

    def pull(self) -> None:
        with self._lock:
            self._pulled = True
            self._shut()

    def release(self) -> None:
        with self._lock:
            if self._held is not None:
                self._held.close()
            self._held = None

    def _shut(self) -> None:
        if self._held is not None:
            with suppress(OSError):
                self._held.shutdown(socket.SHUT_RDWR)


class Connection(smtplib.SMTP):
    """One with a brake. It connects when it is made; `context` is of TLS from the first byte, None where it is not wanted."""

    def __init__(self, host: str, port: int, brake: Brake, context: ssl.SSLContext | None) -> None:
        self._brake = brake
        self._context = context
        super().__init__(host, port, timeout=TIMEOUT_S)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """What smtplib asks its own subclasses for."""
        plain = socket.create_connection((host, port), timeout)
        self._brake.hold(plain)
        return self._context.wrap_socket(plain, server_hostname=host) if self._context is not None else plain

    def log_in(self, user: str, password: str) -> None:
        """Raises SMTPException. The library's own way knows no other letters than those of ASCII (RFC 4616 says UTF-8)."""
        if f"{user}{password}".isascii():
            self.login(user, password)
            return
        self.ehlo_or_helo_if_needed()
        if "PLAIN" not in str(self.esmtp_features.get("auth", "")).upper().split():
            raise smtplib.SMTPNotSupportedError
        code, said = self.docmd("AUTH", "PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode())
        if code not in (235, 503):
            raise smtplib.SMTPAuthenticationError(code, said)


class SmtpMailing:
    """Implements ports.channels.Mailing. `whole_s` is how long one message may take."""

    def __init__(self, context: ssl.SSLContext | None = None, whole_s: float = WHOLE_S) -> None:
        self._context = context or ssl.create_default_context()
        self._threads = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="orchvynt-mail")
        self._whole_s = whole_s
        self._brakes: set[Brake] = set()

    async def send(self, url: str, mail: Mail) -> Refusal | None:
        server = server_of(url)
        if isinstance(server, Refusal):
            return server
        brake = Brake()
        self._brakes.add(brake)
        try:
            async with asyncio.timeout(self._whole_s):
                return await asyncio.get_running_loop().run_in_executor(self._threads, self._send, server, mail, brake)
        except TimeoutError:
            return Refusal(f"the mail server was not done within {self._whole_s:g} s")
        finally:
            # Ends the thread where nobody waits for it any more.
            brake.pull()
            self._brakes.discard(brake)

    def close(self) -> None:
        """Does not wait for a server that is slow: what was not taken is sent again."""
        for brake in list(self._brakes):
            brake.pull()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _send(self, server: Server, mail: Mail, brake: Brake) -> Refusal | None:
        try:
            with Connection(server.host, server.port, brake, self._context if server.scheme == "smtps" else None) as connection:
                if server.scheme == "smtp+starttls":
                    connection.starttls(context=self._context)
                if server.user:
                    connection.log_in(server.user, server.password)
                refused = connection.sendmail(mail.sender, mail.to, mail.content)
        except smtplib.SMTPAuthenticationError as error:
            return Refusal(f"the mail server refused our credential ({error.smtp_code})")
        except smtplib.SMTPRecipientsRefused as error:
            codes = {code for code, _ in error.recipients.values()}
            return Refusal(f"the mail server takes none of the recipients ({min(codes)})", final=all(code in (550, 553) for code in codes))
        except smtplib.SMTPNotSupportedError:
            return Refusal("the mail server does not offer what its URL asks for (STARTTLS or a login)")
        except smtplib.SMTPResponseException as error:
            return Refusal(f"the mail server answered {error.smtp_code}", final=error.smtp_code in _REFUSED_FOR_GOOD)
        except ssl.SSLError as error:
            return Refusal(f"the mail server's TLS cannot be trusted: {error.reason or type(error).__name__}")
        except (smtplib.SMTPException, OSError, ValueError) as error:
            return Refusal(f"the mail server cannot be reached ({type(error).__name__})")
        finally:
            brake.release()
        # Those who took it have it; to send it again to them would not help the others.
        return Refusal(f"the mail server refused {len(refused)} of {len(mail.to)} recipients", final=True) if refused else None
