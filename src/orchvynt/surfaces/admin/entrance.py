"""Who asks: a token, a person's session as a token, or as a cookie. A cookie alone changes nothing: browsers send it unasked."""

from typing import Final
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request

from orchvynt.decisions.people.membership import groups_of
from orchvynt.decisions.reviews.cases import Voter
from orchvynt.model.faults import Fault
from orchvynt.model.roles import Role
from orchvynt.ports.people import PersonRow, SessionRow
from orchvynt.runtime.people import PREFIX
from orchvynt.surfaces.admin.asking import Desk
from orchvynt.surfaces.admin.cookies import CSRF_HEADER, csrf_token, equal
from orchvynt.surfaces.admin.tokens import recognise

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
OVER: Final = Fault(
    "unauthorized", "The session is over, or none of this server's.", "Log in again: orchvynt login, or /login in a browser."
)
CHEATED: Final = Fault(
    "forbidden",
    "The request changes something with a session's cookie, and does not show that it comes from this server's own pages.",
    f"Send the header {CSRF_HEADER} with the `csrf` of GET /api/v1/me, or a token instead of the cookie.",
    param=CSRF_HEADER,
)
FOREIGN: Final = Fault("forbidden", "The request comes from a page of another server.", "Use this server's own pages.", param="origin")


class Entrant(msgspec.Struct, frozen=True):
    """Who was recognised, and what they may do. A token has neither session nor person; `csrf` is set where a cookie was shown."""

    voter: Voter
    role: Role
    session: SessionRow | None = None
    person: PersonRow | None = None
    csrf: str = ""


async def recognised(desk: Desk, request: Request) -> Entrant | Fault:
    """Whoever shows a token is whom it names, whatever cookies come along."""
    authorization = request.headers.get("authorization", "")
    if authorization:
        scheme, _, secret = authorization.partition(" ")
        if scheme.lower() == "bearer" and secret.strip().startswith(PREFIX):
            found = await desk.people.recognise(secret.strip(), program=True)
            return OVER if found is None else entrant(desk, *found)
    elif session_id := desk.door.jar.read(request.headers.get("cookie", ""), "session"):
        found = await desk.people.recognise(session_id, program=False)
        if found is None:
            return OVER
        csrf = csrf_token(session_id)
        if request.method not in SAFE and not equal(csrf, request.headers.get(CSRF_HEADER, "")):
            return CHEATED
        return entrant(desk, *found, csrf)
    token = recognise(authorization, desk.fixed_tokens)
    if isinstance(token, Fault) and authorization:
        token = recognise(authorization, await desk.tokens.read(desk.store, request.method in SAFE))
    return token if isinstance(token, Fault) else Entrant(Voter(f"token:{token.name}"), token.role)


def entrant(desk: Desk, session: SessionRow, person: PersonRow, csrf: str = "") -> Entrant:
    """A person with the groups of the policy in force at this moment."""
    groups = groups_of(person.email, session.groups, desk.control.snapshot.groups)
    return Entrant(Voter(person.email, groups), person.role, session, person, csrf)


def foreign(desk: Desk, request: Request) -> Fault | None:
    """A change that another server's page asks for. Programs name no origin; with a token it does not matter."""
    origin = request.headers.get("origin")
    if request.method in SAFE or origin is None or "authorization" in request.headers:
        return None
    # Compared whole and never taken apart: an origin may be anything.
    host, url = request.headers.get("host", "").lower(), urlsplit(desk.door.url)
    named = f"{url.scheme}://{url.netloc}".lower()
    own = {named} if host == url.netloc.lower() else {named, f"http://{host}", f"https://{host}"}
    return None if origin.lower() in own else FOREIGN


def address_of(request: Request) -> str:
    """Whose connection it is; behind a proxy, the proxy's."""
    return request.client.host if request.client is not None else ""
