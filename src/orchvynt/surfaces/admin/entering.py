"""Logging in, out, and oneself. Each login is an audit entry before it is one, and each that failed is one too."""

from orchvynt.lifecycle.explain.phrases import instant_text
from orchvynt.model.emails import normalised
from orchvynt.model.faults import Fault
from orchvynt.ports.people import How, PersonRow
from orchvynt.runtime.people import Entered
from orchvynt.surfaces.admin.access import note
from orchvynt.surfaces.admin.asking import Asking, Cookies, Desk
from orchvynt.surfaces.admin.cookies import csrf_token
from orchvynt.surfaces.admin.door import NO_ADDRESS
from orchvynt.surfaces.admin.entrance import entrant
from orchvynt.surfaces.people_shapes import (
    ExchangeBody,
    LoggedIn,
    LoggedOut,
    LoginBody,
    Me,
    OwnPasswordBody,
    PasswordChanged,
)

NOBODY = "nobody"


async def login(desk: Desk, asking: Asking) -> Cookies | LoggedIn | Fault:
    """By e-mail address and password."""
    body = asking.body
    assert isinstance(body, LoginBody)
    entered = await by_password(desk, body.email, body.password, asking.address, program=not body.cookie)
    if isinstance(entered, Fault):
        return entered
    return (
        Cookies(_logged_in(desk, entered, ""), (session_cookie(desk, entered),)) if body.cookie else _logged_in(desk, entered, entered.id)
    )


async def by_password(desk: Desk, email: str, password: str, address: str, program: bool) -> Entered | Fault:
    """A new session. Nothing that is said, and no time that it takes, tells whether there is such a person."""
    account = normalised(email)
    key = account or NO_ADDRESS
    if (waiting := desk.door.knock(address, key)) is not None:
        return waiting
    person = await desk.people.check(account, password)
    if isinstance(person, Fault):
        await note(desk, NOBODY, "login refused", f"wrong password, or no such person; from {address}", key)
        return person
    desk.door.welcome(address, key)
    return await entering(desk, person, "password", program, address)


async def entering(desk: Desk, person: PersonRow, how: How, program: bool, address: str, groups: tuple[str, ...] = ()) -> Entered | Fault:
    """The session of a person who has shown who they are."""
    # INVARIANT: the entry comes before the session, so that nobody is in whom the audit does not know.
    await note(desk, person.email, "login", f"by {how}{', command line' if program else ''}; from {address}", person.email)
    entered = await desk.people.enter(person, how, program, groups)
    if isinstance(entered, Fault):
        await note(desk, NOBODY, "login refused", "the person was changed meanwhile", person.email)
    return entered


async def exchange(desk: Desk, asking: Asking) -> LoggedIn | Fault:
    """The command line's own session, for the code that a browser brought it."""
    body = asking.body
    assert isinstance(body, ExchangeBody)
    if (waiting := desk.door.knock(asking.address)) is not None:
        return waiting
    code = desk.door.redeem(body.code, body.verifier)
    person = await desk.store.person(code.email) if code is not None else None
    if code is None or person is None or person.disabled:
        await note(desk, NOBODY, "login refused", f"unknown code; from {asking.address}", code.email if code is not None else "")
        return Fault("unauthorized", "The code is not known here: it was used, or is older than a minute.", "Log in again: orchvynt login.")
    desk.door.welcome(asking.address)
    entered = await entering(desk, person, code.how, True, asking.address, code.groups)
    return entered if isinstance(entered, Fault) else _logged_in(desk, entered, entered.id)


async def logout(desk: Desk, asking: Asking) -> Cookies | Fault:
    """Ends the session that asks."""
    if asking.session is None:
        help_text = f"End it with `orchvynt tokens revoke {asking.who.removeprefix('token:')}`."
        return Fault("conflict", f"{asking.who} is a token, which has no session.", help_text)
    await note(desk, asking.who, "logout", "", asking.who)
    await desk.people.leave(asking.session)
    return Cookies(LoggedOut(email=asking.who, logged_out=True), (desk.door.jar.clear("session"),))


async def me(_desk: Desk, asking: Asking) -> Me:
    """Who asks, and what they may do."""
    if asking.session is None or asking.person is None:
        return Me(who=asking.who, role=asking.role)
    return Me(
        who=asking.who,
        role=asking.role,
        email=asking.person.email,
        name=asking.person.name,
        groups=tuple(sorted(asking.voter.groups)),
        login=asking.session.how,
        expires_at=instant_text(asking.session.ends_at),
        csrf=asking.csrf,
    )


async def own_password(desk: Desk, asking: Asking) -> PasswordChanged | Fault:
    """A new password of one's own, for the old one."""
    body = asking.body
    assert isinstance(body, OwnPasswordBody)
    if asking.session is None or asking.person is None:
        return Fault("conflict", f"{asking.who} is a token, which has no password.", "Log in as a person: orchvynt login.")
    if (waiting := desk.door.knock(asking.address, asking.who)) is not None:
        return waiting
    await note(desk, asking.who, "person.password", "by themselves", asking.who)
    changed = await desk.people.own_password(asking.session, asking.person, body.old, body.new)
    if isinstance(changed, Fault):
        await note(desk, asking.who, "person.password refused", changed.message, asking.who)
        return changed
    desk.door.welcome(asking.address, asking.who)
    return PasswordChanged(email=asking.who, changed=True)


def session_cookie(desk: Desk, entered: Entered) -> str:
    """Set-Cookie for a browser's new session."""
    seconds = (entered.session.ends_at - entered.session.created_at) // 1_000_000_000
    return desk.door.jar.set("session", entered.id, seconds)


def _logged_in(desk: Desk, entered: Entered, token: str) -> LoggedIn:
    groups = tuple(sorted(entrant(desk, entered.session, entered.person).voter.groups))
    return LoggedIn(
        email=entered.person.email,
        role=entered.person.role,
        groups=groups,
        expires_at=instant_text(entered.session.ends_at),
        csrf="" if token else csrf_token(entered.id),
        token=token,
    )
