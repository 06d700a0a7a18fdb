"""Bodies of the commands about people, and of login, logout and whoami. A password comes by a prompt or by standard input, never else."""

import getpass
import sys
import webbrowser
from typing import Final
from urllib.parse import quote

import msgspec
import typer

from orchvynt.surfaces import people_shapes as p
from orchvynt.surfaces.cli.admin_client import RefusedError
from orchvynt.surfaces.cli.kept_sessions import Kept, KeptSessions, UnkeepableError
from orchvynt.surfaces.cli.loopback import Coming
from orchvynt.surfaces.cli.session import FailedError, Session
from orchvynt.surfaces.operator_shapes import Listing, RoleName

LINE_CHARS_MAX: Final = 4_096


def login(session: Session, email: str, browser: bool) -> None:
    """The session's token goes into the file, and nowhere else."""
    logged_in = _by_browser(session) if browser else _by_password(session, email)
    kept, server = KeptSessions(session.outside.environment), session.client.server.url
    try:
        path = kept.keep(server, Kept(logged_in.email, logged_in.token))
    except UnkeepableError as error:
        raise FailedError(str(error)) from error
    if session.json:
        session.terminal.values(msgspec.structs.replace(logged_in, token=""))
    else:
        groups = f", in {', '.join(logged_in.groups)}" if logged_in.groups else ""
        session.terminal.line(("logged in", "green"), f"  {logged_in.email} at {server}, {logged_in.role}{groups}")
    session.terminal.error_text(f"The session is kept in {path}, which only you can read.")
    if session.outside.environment.get("ORCHVYNT_TOKEN"):
        session.terminal.error_text("ORCHVYNT_TOKEN is set, and commands use it before the session.")


def logout(session: Session) -> None:
    """The session ends here even where the server does not know it any more."""
    kept, server = KeptSessions(session.outside.environment), session.client.server.url
    known = kept.of(server)
    if known is None:
        raise FailedError(f"Nobody is logged in at {server}.", "Log in with `orchvynt login`.")
    try:
        session.client.speaking_as(known.token).ask("POST", "/logout")
    except RefusedError as refused:
        if refused.status != 401:
            raise
    try:
        kept.forget(server)
    except UnkeepableError as error:
        raise FailedError(str(error)) from error
    if session.json:
        session.terminal.values(p.LoggedOut(known.email, logged_out=True))
    else:
        session.terminal.line(("logged out", "green"), f"  {known.email} at {server}")


def whoami(session: Session) -> None:
    me = session.fetch("GET", "/me", p.Me)
    if me is not None:
        terminal = session.terminal
        until = terminal.when(me.expires_at) if me.expires_at else ""
        pairs = [("who", me.who), ("name", me.name), ("role", me.role), ("groups", ", ".join(me.groups)), ("session ends", until)]
        terminal.pairs([(name, value) for name, value in pairs if value])


def listed(session: Session, limit: int, after: str) -> None:
    page = session.fetch("GET", "/people", Listing[p.PersonView], query={"limit": str(limit), "after": after})
    if page is None:
        return
    terminal = session.terminal
    if not page.items:
        terminal.line("Nobody may log in yet. Let somebody in: orchvynt people add EMAIL --role reviewer --password")
        return
    rows = [
        (
            row.email,
            row.name,
            row.role,
            "disabled" if row.disabled else "active",
            ", ".join([word for word, there in (("password", row.has_password), ("oidc", row.has_oidc)) if there]) or "-",
            ", ".join(row.groups) or "-",
            terminal.when(row.last_login_at),
        )
        for row in page.items
    ]
    terminal.table(("EMAIL", "NAME", "ROLE", "STATE", "LOGS IN BY", "GROUPS", "LAST LOGIN"), rows)
    session.more(page.next, "orchvynt people list")


def add(session: Session, email: str, name: str, role: RoleName, password: bool) -> None:
    body = p.PersonBody(email, name, role, _new_password() if password else "")
    added = session.fetch("POST", "/people", p.PersonView, body)
    if added is not None:
        session.terminal.line(("added", "green"), f"  {added.email}, {added.role}")
        if not added.has_password:
            session.terminal.error_text(f"{added.email} has no password yet: orchvynt people password {added.email}")


def role(session: Session, email: str, role: RoleName) -> None:
    _change(session, email, p.PersonChange(role=role), "changed")


def disable(session: Session, email: str, disabled: bool) -> None:
    _change(session, email, p.PersonChange(disabled=disabled), "disabled" if disabled else "enabled")


def unlink(session: Session, email: str) -> None:
    _change(session, email, p.PersonChange(unlink=True), "unlinked")


def password(session: Session, email: str) -> None:
    _change(session, email, p.PersonChange(password=_new_password()), "new password")


def _change(session: Session, email: str, wanted: p.PersonChange, done: str) -> None:
    """`done` says in a word what was changed."""
    changed = session.fetch("PATCH", f"/people/{quote(email, safe='')}", p.PersonView, wanted)
    if changed is not None:
        session.terminal.line((done, "green"), f"  {changed.email}, {changed.role}")


def _by_password(session: Session, email: str) -> p.LoggedIn:
    if not email:
        if not sys.stdin.isatty():
            raise typer.BadParameter("name who logs in; the password is read from standard input", param_hint="EMAIL")
        sys.stderr.write("E-mail address: ")
        sys.stderr.flush()
        email = sys.stdin.readline(LINE_CHARS_MAX).strip()
    body = p.LoginBody(email, _secret("Password: "), cookie=False)
    logged_in: p.LoggedIn = session.client.read(session.client.speaking_as("").ask("POST", "/login", body), p.LoggedIn)
    return logged_in


def _by_browser(session: Session) -> p.LoggedIn:
    with Coming() as coming:
        url = coming.url(session.client.server.url)
        session.terminal.error_text(f"Log in with a browser on this computer:\n  {url}")
        webbrowser.open(url)
        code = coming.code()
        if not code:
            raise FailedError("No browser came back in time.", "Run it again, or log in by password: orchvynt login EMAIL.")
        body = p.ExchangeBody(code, coming.verifier)
    logged_in: p.LoggedIn = session.client.read(session.client.speaking_as("").ask("POST", "/login/exchange", body), p.LoggedIn)
    return logged_in


def _new_password() -> str:
    """Twice at a terminal, because what is typed is not seen."""
    first = _secret("New password: ")
    if sys.stdin.isatty() and _secret("Once more: ") != first:
        raise FailedError("The two passwords differ.", "Run it again.")
    if not first:
        raise FailedError("No password was given.", "Type one, or write it to standard input.")
    return first


def _secret(prompt: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(prompt, sys.stderr)
    return sys.stdin.readline(LINE_CHARS_MAX).removesuffix("\n").removesuffix("\r")
