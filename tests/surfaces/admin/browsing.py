"""A browser as far as cookies go: it keeps what it is given, sends it back, and follows nothing."""

import re
from html import unescape
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

from tests.surfaces.world import Answer, World

PASSWORD = "correct horse battery"


class Browser:
    def __init__(self, world: World) -> None:
        self.world = world
        self.cookies: dict[str, str] = {}
        self.csrf = ""

    def ask(self, method: str, path: str, body: Any = None, csrf: str | None = None, **more: Any) -> Answer:
        """Without `csrf` that of the login goes along; an empty one is left out."""
        headers = dict(more.pop("headers", {}))
        if self.cookies:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if token := self.csrf if csrf is None else csrf:
            headers["x-orchvynt-csrf"] = token
        answer = self.world.ask(method, path, role="", body=body, headers=headers, **more)
        for name, morsel in SimpleCookie("\r\n".join(answer.cookies)).items():
            if morsel["max-age"] == "0":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value
        return answer

    def page(self, path: str, form: dict[str, str] | None = None, headers: dict[str, str] | None = None) -> Answer:
        """A page, or what a form leads to."""
        if form is None:
            return self.ask("GET", path, prefix="", headers=headers or {})
        sent = {"content-type": "application/x-www-form-urlencoded", "origin": self.world.url, **(headers or {})}
        return self.ask("POST", path, raw=urlencode(form).encode(), prefix="", csrf="", headers=sent)

    def fields(self, path: str) -> dict[str, str]:
        """The hidden fields of a page's form."""
        found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', self.page(path).body.decode())
        return {name: unescape(value) for name, value in found}

    def log_in(self, email: str, password: str = PASSWORD) -> Answer:
        answer = self.ask("POST", "/login", {"email": email, "password": password})
        self.csrf = answer.json.get("csrf", "")
        return answer


def logged_in(world: World, email: str) -> Browser:
    browser = Browser(world)
    answer = browser.log_in(email)
    assert answer.status == 200, answer
    return browser


def token_of(world: World, email: str) -> str:
    """A program's session."""
    answer = world.ask("POST", "/login", role="", body={"email": email, "password": PASSWORD, "cookie": False})
    assert answer.status == 200, answer
    return str(answer.json["token"])
