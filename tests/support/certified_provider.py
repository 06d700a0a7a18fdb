"""oidc-provider (Node.js, certified by the OpenID Foundation) as a process of the test's own, and a browser that logs in at its pages.

`make test` installs it, with tests/certified_provider, beside Python's packages; `INSTALLED` says whether that was done.
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from html import unescape
from http.cookiejar import CookieJar
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, Request, build_opener

FOLDER = Path(sys.prefix) / "provider"
NODE = Path(sys.executable).with_name("node")
INSTALLED = NODE.exists() and (FOLDER / "node_modules" / "oidc-provider").is_dir()


class CertifiedProvider:
    """A context that serves one client. `accounts` are claims by the name that somebody logs in with."""

    def __init__(self, client: Mapping[str, Any], accounts: Mapping[str, Mapping[str, Any]], port: int = 0, **settings: Any) -> None:
        self._given: dict[str, Any] = {"client": client, "accounts": accounts, "settings": settings, "port": port}
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """After a stop at the address that it had, with what it was last given."""
        self._process = subprocess.Popen(
            [NODE, FOLDER / "provider.js", json.dumps(self._given)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self.issuer = self._said()
        self._given["port"] = int(self.issuer.rpartition(":")[2])

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()

    def change(self, **given: Any) -> None:
        """New accounts, settings or client; `algorithm`: new keys, for it."""
        self._given |= {name: value for name, value in given.items() if name != "algorithm"}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(given) + "\n")
        self._process.stdin.flush()
        self._said()

    def _said(self) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("http://"):
                return line.strip()
        raise AssertionError("it did not start")


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


class Visit:
    """One browser at the provider's own pages: it logs in, agrees to what is asked, and is sent back to `redirect`."""

    def __init__(self, redirect: str) -> None:
        self._redirect = redirect
        self._opener = build_opener(_Stay, HTTPCookieProcessor(CookieJar()))

    def log_in(self, url: str, name: str) -> str:
        """The address that the browser is sent back to. An AssertionError has the page of a provider that does not send it back; an empty
        name turns back at the first page."""
        form: dict[str, str] | None = None
        for _ in range(12):
            status, place, page = self._ask(url, form)
            form = None
            if place:
                url = urljoin(url, place)
                if url.startswith(self._redirect):
                    return url
                continue
            action = re.search(r'<form [^>]*action="([^"]+)"', page)
            assert action, f"{status}: {page[:2_000]}"
            url = urljoin(url, unescape(action[1]))
            if not name:
                url = f"{url}/abort"
                continue
            form = {match[1]: unescape(match[2]) for match in re.finditer(r'name="([^"]+)" value="([^"]*)"', page)}
            if form.get("prompt") == "login":
                form |= {"login": name, "password": "any"}
        raise AssertionError("the provider sends the browser around")

    def _ask(self, url: str, form: Mapping[str, str] | None) -> tuple[int, str, str]:
        request = Request(url, urlencode(form).encode() if form is not None else None)
        try:
            with self._opener.open(request, timeout=30) as answer:
                return answer.status, "", answer.read().decode()
        except HTTPError as answer:
            with answer:
                return answer.code, answer.headers.get("location", ""), answer.read().decode()
