"""One HTTP/1.1 exchange on a connection of its own: bounded in size and in time as a whole, certificates verified, no redirects."""

import asyncio
import ssl
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import httptools

from orchvynt.ports.fetching import Fetched, FetchError

SECONDS_MAX: Final = 10.0
BYTES_MAX: Final = 512 * 1024


class _Answer:
    """What the parser finds."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.whole = False

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.whole = True


class HttpFetching:
    """Implements ports.fetching.Fetching. `tls` takes the place of the system's authorities."""

    def __init__(self, tls: ssl.SSLContext | None = None, seconds_max: float = SECONDS_MAX, bytes_max: int = BYTES_MAX) -> None:
        self._tls = tls
        self._seconds_max = seconds_max
        self._bytes_max = bytes_max

    async def fetch(self, url: str, headers: Sequence[tuple[str, str]] = (), form: str | None = None) -> Fetched:
        try:
            async with asyncio.timeout(self._seconds_max):
                return await self._exchange(url, headers, form)
        except TimeoutError:
            raise FetchError(f"it did not answer within {self._seconds_max:g} s") from None
        except ssl.SSLError as error:
            raise FetchError(f"its certificate or TLS is not usable ({error.reason or 'TLS'})") from None
        except OSError as error:
            raise FetchError(f"it cannot be reached ({error.strerror or type(error).__name__})") from None
        except (httptools.HttpParserError, ValueError):
            raise FetchError("its answer is no HTTP") from None

    async def _exchange(self, url: str, headers: Sequence[tuple[str, str]], form: str | None) -> Fetched:
        parts = urlsplit(url)
        encrypted = parts.scheme == "https"
        tls = (self._tls or ssl.create_default_context()) if encrypted else None
        target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        request = _request(parts.netloc, target, headers, form)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port or (443 if encrypted else 80), ssl=tls)
        try:
            writer.write(request)
            answer = _Answer()
            parser = httptools.HttpResponseParser(answer)
            seen = 0
            while not answer.whole and (data := await reader.read(65_536)):
                seen += len(data)
                if seen > self._bytes_max:
                    raise FetchError(f"its answer is larger than {self._bytes_max} bytes")
                parser.feed_data(data)
            if not answer.whole:
                raise FetchError("its answer ended in the middle")
            return Fetched(parser.get_status_code(), bytes(answer.body))
        finally:
            writer.close()


def _request(host: str, target: str, headers: Sequence[tuple[str, str]], form: str | None) -> bytes:
    body = (form or "").encode()
    lines = [f"{'GET' if form is None else 'POST'} {target} HTTP/1.1", f"host: {host}", "connection: close", "accept: application/json"]
    lines += ["user-agent: orchvynt", *(f"{name}: {value}" for name, value in headers)]
    if form is not None:
        lines += ["content-type: application/x-www-form-urlencoded", f"content-length: {len(body)}"]
    if any(sign in line for line in lines for sign in "\r\n\0"):
        raise FetchError("the request has a line break in it, and was not sent")
    return "\r\n".join([*lines, "", ""]).encode() + body
