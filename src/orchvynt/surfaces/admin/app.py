"""The admin API as an ASGI app: lets a request in (host, token, role, sizes, shapes), asks the row's function, answers."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from orchvynt.decisions.reviews.cases import Voter
from orchvynt.model.faults import Fault
from orchvynt.model.roles import may
from orchvynt.ports.clock import Clock
from orchvynt.ports.store import Role, StoreUnavailableError, TokenRow
from orchvynt.runtime.audit_checks import AuditChecks
from orchvynt.runtime.control import Control
from orchvynt.runtime.keyring import Keyring
from orchvynt.runtime.oidc_provider import OidcProvider
from orchvynt.runtime.people import People
from orchvynt.runtime.slack_votes import SlackVotes
from orchvynt.surfaces.admin.asking import Asking, Cookies, Desk, Measure, Reveal, Row, Text, Unseal, no_key
from orchvynt.surfaces.admin.door import Door
from orchvynt.surfaces.admin.entrance import Entrant, address_of, foreign, recognised
from orchvynt.surfaces.admin.guard import HostGuard
from orchvynt.surfaces.admin.openapi import openapi
from orchvynt.surfaces.admin.pages.serving import Pages
from orchvynt.surfaces.admin.paging import LIMIT_DEFAULT, LIMIT_MAX
from orchvynt.surfaces.admin.refusals import (
    SECURITY_HEADERS,
    json_answer,
    on_defect,
    on_disconnect,
    on_http_exception,
    on_store_unavailable,
    refusal,
)
from orchvynt.surfaces.admin.slack import PATH as SLACK_PATH
from orchvynt.surfaces.admin.slack import SlackDoor
from orchvynt.surfaces.admin.table import BESIDE, PREFIX, ROWS

BODY_BYTES_MAX: Final = 4 * 1024 * 1024
BODY_SECONDS_MAX: Final = 10.0
PAGE_NAMES: Final = ("limit", "after")
LEAST: Final[Role] = "viewer"


def admin_app(
    control: Control,
    clock: Clock,
    reveal: Reveal,
    measure: Measure,
    keyring: Keyring,
    people: People,
    door: Door,
    hosts: Collection[str] = (),
    fixed_tokens: Sequence[TokenRow] = (),
    provider: OidcProvider | None = None,
    unseal: Unseal = no_key,
    checks: AuditChecks | None = None,
    slack: SlackVotes | None = None,
) -> Starlette:
    """`hosts` are the names, besides the loopback's, that this server may be addressed by. `fixed_tokens` come from the environment."""
    found = checks or AuditChecks()
    desk = Desk(control, clock, reveal, measure, keyring, people, door, tuple(fixed_tokens), provider, unseal, found)
    document = msgspec.Raw(msgspec.json.encode(openapi(ROWS, PREFIX, control.status().version, BESIDE)))

    async def described(_request: Request) -> Response:
        return json_answer(document)

    by_path: dict[str, dict[str, Row]] = {}
    for row in ROWS:
        by_path.setdefault(row.path, {})[row.method] = row
    routes = [Route(f"{PREFIX}/openapi.json", described, methods=["GET"])]
    routes += [Route(PREFIX + path, _endpoint(desk, rows), methods=list(rows)) for path, rows in by_path.items()]
    routes += [Route(row.path, _endpoint(desk, {row.method: row}), methods=[row.method]) for row in BESIDE]
    routes += Pages(desk).routes()
    if slack is not None:
        routes.append(Route(SLACK_PATH, SlackDoor(slack).endpoint, methods=["POST"]))
    app = Starlette(
        routes=routes,
        middleware=[Middleware(HostGuard, hosts=hosts)],
        exception_handlers={
            HTTPException: on_http_exception,
            StoreUnavailableError: on_store_unavailable,
            ClientDisconnect: on_disconnect,
            Exception: on_defect,
        },
    )
    app.router.redirect_slashes = False
    return app


def _endpoint(desk: Desk, rows: dict[str, Row]) -> Any:
    """One endpoint for all methods of one path."""

    async def endpoint(request: Request) -> Response:
        row = rows["GET" if request.method == "HEAD" else request.method]
        asking = await _let_in(desk, row, request)
        if isinstance(asking, Fault):
            return refusal(asking)
        done = await row.answering(desk, asking)
        if isinstance(done, Text):
            return Response(done.body, row.status, SECURITY_HEADERS, row.media)
        if isinstance(done, Cookies):
            answer = json_answer(done.value, row.status)
            for header in done.headers:
                answer.headers.append("set-cookie", header)
            return answer
        return refusal(done) if isinstance(done, Fault) else json_answer(done, row.status)

    return endpoint


async def _let_in(desk: Desk, row: Row, request: Request) -> Asking | Fault:
    """The checks in their order: who, may they, what. A body is read only for those who may."""
    if (fault := foreign(desk, request)) is not None:
        return fault
    entrant = Entrant(Voter(""), LEAST)
    if row.role is not None:
        found = await recognised(desk, request)
        if isinstance(found, Fault):
            return found
        entrant = found
        if not may(entrant.role, row.role):
            return _may_not(entrant, row, request.url.path)
    asking = _asked(row, request, entrant)
    if isinstance(asking, Fault) or row.takes is None:
        return asking
    body = await _body(request)
    if isinstance(body, Fault):
        return body
    decoded = _decoded(body, row.takes)
    return decoded if isinstance(decoded, Fault) else msgspec.structs.replace(asking, body=decoded)


def _may_not(entrant: Entrant, row: Row, path: str) -> Fault:
    by, needs = entrant.voter.by, f"has the role {entrant.role}, and {row.method} {path} needs {row.role}."
    if entrant.person is not None:
        return Fault("forbidden", f"{by} {needs}", f"Ask an admin for it: orchvynt people role {by} {row.role}.")
    name, help_text = by.removeprefix("token:"), f"Ask an admin for one: orchvynt tokens issue NAME --role {row.role}."
    return Fault("forbidden", f"The token {name} {needs}", help_text)


def _asked(row: Row, request: Request, entrant: Entrant) -> Asking | Fault:
    """Path and query. What is not known is refused, so that a misspelt filter never looks like an answer."""
    query = dict(request.query_params)
    if twice := next((name for name in query if len(request.query_params.getlist(name)) > 1), None):
        return Fault("invalid_request", f"The query names {twice[:64]} more than once.", "Name it once.", param=twice[:64])
    allowed = {entry.name: entry for entry in row.query}
    pages = PAGE_NAMES if row.pages else ()
    for name, value in query.items():
        if name not in allowed and name not in pages:
            known = ", ".join([*allowed, *pages]) or "none"
            return Fault(
                "invalid_request", f"{row.method} {row.path} has no query parameter of this name.", f"Known: {known}.", param=name[:64]
            )
        if name in allowed and allowed[name].choices and value not in allowed[name].choices:
            return Fault("invalid_request", f"{name} is one of {', '.join(allowed[name].choices)}.", param=name)
    limit = query.get("limit", str(LIMIT_DEFAULT))
    if not (limit.isascii() and limit.isdigit() and len(limit) < 10 and 1 <= int(limit) <= LIMIT_MAX):
        return Fault("invalid_request", f"limit is a whole number from 1 to {LIMIT_MAX}.", param="limit")
    return Asking(
        path=request.path_params,
        query=query,
        limit=int(limit),
        after=query.get("after", ""),
        voter=entrant.voter,
        role=entrant.role,
        session=entrant.session,
        person=entrant.person,
        csrf=entrant.csrf,
        address=address_of(request),
    )


async def _body(request: Request) -> bytes | Fault:
    """The body, bounded in size and time."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return Fault("unsupported_media", "The body must be JSON.", "Send content-type: application/json.", param="content-type")
    too_large = Fault("too_large", f"The body is larger than {BODY_BYTES_MAX} bytes.", "Send less.")
    length = request.headers.get("content-length", "0")
    if length.isascii() and length.isdigit() and (len(length) > 12 or int(length) > BODY_BYTES_MAX):
        return too_large
    read = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            async for chunk in request.stream():
                read += chunk
                if len(read) > BODY_BYTES_MAX:
                    return too_large
    except TimeoutError:
        return Fault("timeout", f"The body did not arrive within {BODY_SECONDS_MAX:g} s.", "Send it again.")
    return bytes(read)


def _decoded(body: bytes, takes: Any) -> Any:
    """The body as the row's shape. A Fault says what is wrong, and where."""
    try:
        return msgspec.json.decode(body, type=takes)
    except msgspec.ValidationError as refused:
        message, _, place = str(refused).partition(" - at `$")
        return Fault("invalid_request", f"{message}.", "GET /api/v1/openapi.json has the shape.", param=place.strip("`.") or None)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Fault("invalid_request", "The body is not well-formed JSON.", "Send one JSON object in UTF-8.")
