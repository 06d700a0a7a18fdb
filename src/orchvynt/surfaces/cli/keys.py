"""Bodies of the commands about the keys of agents: issue, rotate, revoke, list."""

import re
from typing import Final
from urllib.parse import quote

import typer

from orchvynt.surfaces import key_shapes as k
from orchvynt.surfaces.cli.session import Session
from orchvynt.surfaces.cli.terminal import Terminal
from orchvynt.surfaces.operator_shapes import Listing

SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": k.DAY_SECONDS}
DURATION: Final = re.compile(r"([0-9]{1,7})([smhd])")


def issue(session: Session, name: str) -> None:
    issued = session.fetch("POST", "/keys", k.KeyIssued, k.KeyBody(name=name))
    if issued is not None:
        _show_secret(session.terminal, issued)


def rotate(session: Session, name: str, overlap: str) -> None:
    body = k.RotateBody(overlap_seconds=overlap_seconds(overlap))
    rotated = session.fetch("POST", f"/keys/{quote(name, safe='')}/rotate", k.KeyRotated, body)
    if rotated is None:
        return
    _show_secret(session.terminal, rotated)
    for row in rotated.before:
        ends = "is over" if row.state == "expired" else f"ends {session.terminal.when(row.expires_at)}"
        session.terminal.error_text(f"The secret {row.id} {ends}.")


def revoke(session: Session, name: str, only: str) -> None:
    done = session.fetch("DELETE", f"/keys/{quote(name, safe='')}", k.KeyRevoked, query={"id": only})
    if done is not None:
        session.terminal.line(("revoked", "green"), f"  {done.key}  {', '.join(done.ids)}")


def listed(session: Session, limit: int, after: str) -> None:
    page = session.fetch("GET", "/keys", Listing[k.KeyView], query={"limit": str(limit), "after": after})
    if page is None:
        return
    terminal = session.terminal
    rows = [
        (
            row.key,
            row.id,
            row.state if row.in_policy else f"{row.state}, not in the policy",
            terminal.when(row.last_used_at),
            terminal.when(row.expires_at),
            terminal.when(row.created_at),
            row.created_by,
        )
        for row in page.items
    ]
    terminal.table(("KEY", "ID", "STATE", "LAST USED", "EXPIRES", "CREATED", "BY"), rows)
    session.more(page.next, "orchvynt keys list")


def overlap_seconds(text: str) -> int:
    """`24h`, `30m`, `90s`, `7d`, `0` → seconds. Wrong use otherwise."""
    matched = DURATION.fullmatch(text)
    seconds = int(matched[1]) * SECONDS[matched[2]] if matched else 0 if text == "0" else -1
    if not 0 <= seconds <= k.OVERLAP_SECONDS_MAX:
        raise typer.BadParameter("write a duration of at most 30 days, such as 24h, 30m or 0", param_hint="--overlap")
    return seconds


def _show_secret(terminal: Terminal, issued: k.KeyIssued) -> None:
    """The secret alone stands on standard output, so that it can be piped; the words about it go to standard error."""
    terminal.error_text(f"Secret {issued.id} of key {issued.key}. It is shown this once; only its SHA-256 is kept.")
    if not issued.in_policy:
        terminal.error_text(f"The policy in force has no key {issued.key} yet: until it does, this secret opens nothing.")
    terminal.line(issued.secret)
