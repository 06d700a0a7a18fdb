"""Bodies of the commands about admin tokens: issue, list, revoke."""

from urllib.parse import quote

from orchvynt.surfaces import operator_shapes as s
from orchvynt.surfaces.cli.session import Session


def issue(session: Session, name: str, role: s.RoleName) -> None:
    """The secret alone stands on standard output, so that it can be piped; the words about it go to standard error."""
    issued = session.fetch("POST", "/tokens", s.TokenIssued, s.TokenBody(name=name, role=role))
    if issued is None:
        return
    session.terminal.error_text(f"Token {issued.name} with role {issued.role}. It is shown this once; only its SHA-256 is kept.")
    session.terminal.line(issued.secret)


def listed(session: Session) -> None:
    page = session.fetch("GET", "/tokens", s.Listing[s.TokenView], query={"limit": "500"})
    if page is None:
        return
    terminal = session.terminal
    rows = [(row.name, row.role, terminal.when(row.created_at), row.created_by) for row in page.items]
    terminal.table(("NAME", "ROLE", "CREATED", "BY"), rows)


def revoke(session: Session, name: str) -> None:
    done = session.fetch("DELETE", f"/tokens/{quote(name, safe='')}", s.TokenRevoked)
    if done is not None:
        session.terminal.line(("revoked", "green"), f"  {done.name}")
