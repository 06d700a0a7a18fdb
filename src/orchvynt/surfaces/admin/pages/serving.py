"""The pages that people log in on: by password, by the identity provider, for the command line. They work without JavaScript.

A form shows that it is ours by a value that stands in a cookie too, or with a session by the session's own token.
"""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from importlib import resources
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from orchvynt.decisions.people.id_tokens import role_of
from orchvynt.lifecycle.explain.phrases import instant_text
from orchvynt.model.faults import Fault
from orchvynt.runtime.people import Entered
from orchvynt.surfaces.admin.access import note
from orchvynt.surfaces.admin.asking import Desk
from orchvynt.surfaces.admin.cookies import csrf_token, equal
from orchvynt.surfaces.admin.entering import NOBODY, by_password, entering, session_cookie
from orchvynt.surfaces.admin.entrance import Entrant, address_of, entrant, foreign
from orchvynt.surfaces.admin.own_paths import HOME, own_path
from orchvynt.surfaces.admin.pages.markup import STYLE, allow_page, home_page, login_page, told_page
from orchvynt.surfaces.admin.refusals import SECURITY_HEADERS, page_headers

FORM_BYTES_MAX: Final = 16_384
FORM_SECONDS_MAX: Final = 10.0
FIELDS_MAX: Final = 10
CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
STATE: Final = re.compile(r"[A-Za-z0-9_-]{16,128}")
OIDC_SECONDS: Final = 600
FORM_SECONDS: Final = 3_600
LOOPBACK_FORMS: Final = " http://127.0.0.1:*"
"""The form that lets the command line in ends at the command line; browsers hold redirects of a form against its policy."""
STALE: Final = Fault("forbidden", "The page was too old, or not one of ours.", "Try again.")

Page = Callable[[Request], Awaitable[Response]]


class Pages:
    """All of one server."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._style = resources.files(__package__).joinpath("login.css").read_bytes()

    def routes(self) -> list[Route]:
        shown: list[tuple[str, str, Page]] = [
            ("GET", HOME, self.home),
            ("GET", STYLE, self.style),
            ("GET", "/login", self.login),
            ("POST", "/login", self.logging_in),
            ("POST", "/logout", self.logging_out),
            ("GET", "/login/cli", self.command_line),
            ("POST", "/login/cli", self.letting_in),
        ]
        if self._desk.provider is not None:
            shown += [("GET", "/login/oidc", self.to_provider), ("GET", "/login/oidc/callback", self.from_provider)]
        by_path: dict[str, dict[str, Page]] = {}
        for method, path, answering in shown:
            by_path.setdefault(path, {})[method] = answering
        return [Route(path, _choosing(answers), methods=list(answers)) for path, answers in by_path.items()]

    async def style(self, _request: Request) -> Response:
        return Response(self._style, 200, SECURITY_HEADERS, "text/css")

    async def home(self, request: Request) -> Response:
        found = await self._inside(request)
        if found is None or found.session is None or found.person is None:
            return _to("/login")
        ends = instant_text(found.session.ends_at)
        return _page(
            home_page(found.person.email, found.role, sorted(found.voter.groups), ends[:16].replace("T", " ") + " UTC", found.csrf)
        )

    async def login(self, request: Request) -> Response:
        goes_to = own_path(request.query_params.get("next", ""))
        return _to(goes_to) if await self._inside(request) is not None else self._login(goes_to)

    async def logging_in(self, request: Request) -> Response:
        given = await self._form(request)
        if isinstance(given, Fault):
            return self._refused(given)
        goes_to = own_path(given.get("next", ""))
        jar = self._desk.door.jar
        if not equal(jar.read(request.headers.get("cookie", ""), "form"), given.get("csrf", "")):
            return self._login(goes_to, STALE, given.get("email", ""))
        entered = await by_password(self._desk, given.get("email", ""), given.get("password", ""), address_of(request), program=False)
        if isinstance(entered, Fault):
            return self._login(goes_to, entered, given.get("email", ""))
        return self._entered(entered, goes_to, jar.clear("form"))

    async def logging_out(self, request: Request) -> Response:
        found = await self._ours(request)
        if isinstance(found, Fault):
            return self._refused(found)
        who, _ = found
        assert who.session is not None
        await note(self._desk, who.voter.by, "logout", "", who.voter.by)
        await self._desk.people.leave(who.session)
        return _to("/login", self._desk.door.jar.clear("session"))

    async def command_line(self, request: Request) -> Response:
        """Asked for by `orchvynt login`, which listens at `port` and keeps what `challenge` was made of."""
        asked = _asked(request.query_params)
        if isinstance(asked, Fault):
            return self._refused(asked)
        found = await self._inside(request)
        if found is None:
            return _to(f"/login?next={quote('/login/cli?' + urlencode(asked))}")
        return _page(allow_page(found.voter.by, asked, found.csrf), headers=page_headers(LOOPBACK_FORMS))

    async def letting_in(self, request: Request) -> Response:
        found = await self._ours(request)
        if isinstance(found, Fault):
            return self._refused(found)
        who, given = found
        asked = _asked(given)
        if isinstance(asked, Fault):
            return self._refused(asked)
        assert who.session is not None
        fields = dict(asked)
        code = self._desk.door.let_in(who.voter.by, who.session.how, who.session.groups, fields["challenge"])
        if isinstance(code, Fault):
            return self._refused(code)
        query = urlencode({"code": code, "state": fields["state"]})
        answer = _to(f"http://127.0.0.1:{fields['port']}/?{query}")
        answer.headers.update(page_headers(LOOPBACK_FORMS))
        return answer

    async def to_provider(self, request: Request) -> Response:
        provider, door = self._desk.provider, self._desk.door
        assert provider is not None
        if (waiting := door.knock(address_of(request))) is not None:
            return self._refused(waiting)
        begun = await provider.begin()
        if isinstance(begun, Fault):
            return self._refused(begun)
        goes_to = quote(own_path(request.query_params.get("next", "")), safe="")
        return _to(begun.url, door.jar.set("oidc", f"{begun.cookie}~{goes_to}", OIDC_SECONDS))

    async def from_provider(self, request: Request) -> Response:
        provider, door = self._desk.provider, self._desk.door
        assert provider is not None
        cookie, _, goes_to = door.jar.read(request.headers.get("cookie", ""), "oidc").partition("~")
        said = dict(request.query_params.multi_items()[:FIELDS_MAX])
        identity = await provider.finish(cookie, said)
        address = address_of(request)
        if isinstance(identity, Fault):
            await note(self._desk, NOBODY, "login refused", f"by oidc: {identity.message}; from {address}", "")
            return self._refused(identity, door.jar.clear("oidc"))
        settings = provider.settings
        role = role_of(identity.groups, dict(settings.roles), settings.otherwise)
        person = await self._desk.people.by_provider(identity, settings.issuer, role)
        if isinstance(person, Fault):
            await note(self._desk, NOBODY, "login refused", f"by oidc: {person.message}; from {address}", identity.email)
            return self._refused(person, door.jar.clear("oidc"))
        entered = await entering(self._desk, person, "oidc", False, address, identity.groups)
        if isinstance(entered, Fault):
            return self._refused(entered, door.jar.clear("oidc"))
        door.welcome(address)
        return self._entered(entered, own_path(_unquoted(goes_to)), door.jar.clear("oidc"))

    async def _inside(self, request: Request) -> Entrant | None:
        session_id = self._desk.door.jar.read(request.headers.get("cookie", ""), "session")
        found = await self._desk.people.recognise(session_id, program=False) if session_id else None
        return entrant(self._desk, *found, csrf_token(session_id)) if found is not None else None

    async def _ours(self, request: Request) -> tuple[Entrant, Mapping[str, str]] | Fault:
        """A form of a page of ours, by whoever is logged in."""
        given = await self._form(request)
        if isinstance(given, Fault):
            return given
        found = await self._inside(request)
        return (found, given) if found is not None and equal(found.csrf, given.get("csrf", "")) else STALE

    async def _form(self, request: Request) -> Mapping[str, str] | Fault:
        if (fault := foreign(self._desk, request)) is not None:
            return fault
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
            return Fault("unsupported_media", "The body must be a form.", "Use the page.", param="content-type")
        read = bytearray()
        try:
            async with asyncio.timeout(FORM_SECONDS_MAX):
                async for chunk in request.stream():
                    read += chunk
                    if len(read) > FORM_BYTES_MAX:
                        return Fault("too_large", f"The form is larger than {FORM_BYTES_MAX} bytes.", "Send less.")
            return dict(parse_qsl(read.decode(), keep_blank_values=True, strict_parsing=bool(read), max_num_fields=FIELDS_MAX))
        except TimeoutError:
            return Fault("timeout", "The form did not arrive in time.", "Send it again.")
        except ValueError:
            return Fault("invalid_request", "The form cannot be read.", "Use the page.")

    def _login(self, goes_to: str, fault: Fault | None = None, email: str = "") -> Response:
        csrf = secrets.token_urlsafe(32)
        provider = f"/login/oidc?{urlencode({'next': goes_to})}" if self._desk.provider is not None else ""
        text = login_page(goes_to, csrf, fault.text if fault else "", email[:254], provider)
        return _page(text, fault, self._desk.door.jar.set("form", csrf, FORM_SECONDS))

    def _entered(self, entered: Entered, goes_to: str, cleared: str) -> Response:
        answer = _to(goes_to, session_cookie(self._desk, entered))
        answer.headers.append("set-cookie", cleared)
        return answer

    def _refused(self, fault: Fault, cookie: str = "") -> Response:
        return _page(told_page("That did not work", fault.message, fault.help, "/login", "To the login"), fault, cookie)


def _choosing(answers: Mapping[str, Page]) -> Page:
    async def answer(request: Request) -> Response:
        return await answers["GET" if request.method == "HEAD" else request.method](request)

    return answer


def _asked(given: Mapping[str, str]) -> list[tuple[str, str]] | Fault:
    """What the command line asks for, in its order; nothing else goes on."""
    port, challenge, state = given.get("port", ""), given.get("challenge", ""), given.get("state", "")
    usable = port.isascii() and port.isdigit() and len(port) <= 5 and 1_024 <= int(port) <= 65_535
    if not usable or CHALLENGE.fullmatch(challenge) is None or STATE.fullmatch(state) is None:
        return Fault("invalid_request", "This is no address that `orchvynt login` made.", "Run it again.")
    return [("port", port), ("challenge", challenge), ("state", state)]


def _unquoted(text: str) -> str:
    return dict(parse_qsl(f"next={text}", keep_blank_values=True)).get("next", "")


def _page(text: str, fault: Fault | None = None, cookie: str = "", headers: Mapping[str, str] | None = None) -> Response:
    answer = Response(text, fault.status if fault is not None else 200, headers or page_headers(), "text/html")
    if fault is not None and fault.retry_after_seconds is not None:
        answer.headers["retry-after"] = str(fault.retry_after_seconds)
    if cookie:
        answer.headers.append("set-cookie", cookie)
    return answer


def _to(path: str, cookie: str = "") -> Response:
    """See other: what comes is asked by GET."""
    answer = RedirectResponse(path, 303, page_headers())
    if cookie:
        answer.headers.append("set-cookie", cookie)
    return answer
