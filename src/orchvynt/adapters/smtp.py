"""Sends mail with the standard library's smtplib, which blocks: each on a thread of a small pool. TLS is verified; a password never goes
in clear text to another machine.
"""

import asyncio
import smtplib
import ssl
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

from orchvynt.ports.channels import Mail, Refusal

TIMEOUT_S: Final = 15.0
THREADS_MAX: Final = 4
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


class SmtpMailing:
    """Implements ports.channels.Mailing."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._context = context or ssl.create_default_context()
        self._threads = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="orchvynt-mail")

    async def send(self, url: str, mail: Mail) -> Refusal | None:
        server = server_of(url)
        if isinstance(server, Refusal):
            return server
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._send, server, mail)

    def close(self) -> None:
        """Does not wait for a server that is slow: what was not taken is sent again."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _send(self, server: Server, mail: Mail) -> Refusal | None:
        try:
            with self._connected(server) as connection:
                if server.scheme == "smtp+starttls":
                    connection.starttls(context=self._context)
                if server.user:
                    connection.login(server.user, server.password)
                refused = connection.sendmail(mail.sender, mail.to, mail.content)
        except smtplib.SMTPAuthenticationError as error:
            return Refusal(f"the mail server refused our credential ({error.smtp_code})")
        except smtplib.SMTPRecipientsRefused as error:
            codes = {code for code, _ in error.recipients.values()}
            return Refusal(f"the mail server takes none of the recipients ({min(codes)})", final=all(code in (550, 553) for code in codes))
        except smtplib.SMTPNotSupportedError:
            return Refusal("the mail server does not offer what its URL asks for (STARTTLS or a login)")
        except smtplib.SMTPResponseException as error:
            return Refusal(f"the mail server answered {error.smtp_code}", final=error.smtp_code in (552, 554))
        except ssl.SSLError as error:
            return Refusal(f"the mail server's TLS cannot be trusted: {error.reason or type(error).__name__}")
        except (smtplib.SMTPException, OSError, ValueError) as error:
            return Refusal(f"the mail server cannot be reached ({type(error).__name__})")
        # Those who took it have it; to send it again to them would not help the others.
        return Refusal(f"the mail server refused {len(refused)} of {len(mail.to)} recipients", final=True) if refused else None

    def _connected(self, server: Server) -> smtplib.SMTP:
        if server.scheme == "smtps":
            return smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_S, context=self._context)
        return smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S)
