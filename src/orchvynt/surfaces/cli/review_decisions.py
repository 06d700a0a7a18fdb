"""Bodies of what a reviewer does: approve and reject, one or several; edit and respond; claim and release."""

import shlex
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal, NamedTuple
from urllib.parse import quote

import typer

from orchvynt.lifecycle.explain.phrases import count
from orchvynt.surfaces import operator_shapes as s
from orchvynt.surfaces import review_shapes as v
from orchvynt.surfaces.cli.reviews import amount_text
from orchvynt.surfaces.cli.session import FailedError, Session, read_policy
from orchvynt.surfaces.cli.terminal import STATES

PAGE: Final = 500
REVIEWS: Final = "/reviews"


class Which(NamedTuple):
    """Reviews by their ids, or all open ones of a gate."""

    reviews: tuple[str, ...]
    gate: str = ""


def which(reviews: list[str], gate: str, everything: bool) -> Which:
    """What the words of the command line mean. Raises BadParameter."""
    if bool(gate) != everything:
        raise typer.BadParameter(
            "--gate and --all belong together: all open reviews of that gate", param_hint="--all" if gate else "--gate"
        )
    if reviews and gate:
        raise typer.BadParameter("there are both ids and --gate --all; keep one of them", param_hint="ID…")
    if not reviews and not gate:
        raise typer.BadParameter("name one or several reviews, or --gate GATE --all", param_hint="ID…")
    return Which(tuple(dict.fromkeys(reviews)), gate)


def decide(session: Session, asked: Which, decision: Literal["approve", "reject"], reason: str, grant: Decimal | None = None) -> None:
    if len(asked.reviews) == 1:
        _vote(session, asked.reviews[0], v.DecisionBody(decision=decision, reason=reason, grant=grant))
        return
    if grant is not None:
        raise typer.BadParameter("an amount is granted to one review at a time", param_hint="--grant")
    reviews = asked.reviews or _open_of(session, asked.gate)
    if asked.gate and not _confirmed(session, f"{decision.capitalize()} {count(len(reviews), 'open review')} of gate {asked.gate}?"):
        raise FailedError("Nothing was decided.")
    items: list[v.DecidedView] = []
    for start in range(0, len(reviews), v.BULK_MAX):
        body = v.DecisionsBody(reviews[start : start + v.BULK_MAX], decision, reason)
        raw = session.client.ask("POST", f"{REVIEWS}/decisions", body)
        items += session.client.read(raw, v.DecisionsView).items
    done = v.DecisionsView(tuple(items), sum(item.outcome == "refused" for item in items))
    if session.json:
        session.terminal.values(done)
    else:
        _told(session, done)
    if done.refused:
        raise FailedError(f"{done.refused} of {count(len(items), 'review')} could not be decided.")


def _told(session: Session, done: v.DecisionsView) -> None:
    for item in done.items:
        word = item.status if item.outcome == "decided" else item.outcome
        said = f"  {item.message}" if item.message else ""
        session.terminal.line((word, STATES.get(word, "")), f"  {item.review}{said}")
    if not done.items:
        session.terminal.line("No review is open.")


def _open_of(session: Session, gate: str) -> tuple[str, ...]:
    found: list[str] = []
    after = ""
    while True:
        query = {"gate": gate, "limit": str(PAGE), "after": after}
        page = session.client.read(session.client.ask("GET", REVIEWS, None, query), s.Listing[v.ReviewView])
        found += [row.review for row in page.items]
        if page.next is None:
            return tuple(found)
        after = page.next


def _confirmed(session: Session, question: str) -> bool:
    """People are asked; a pipe has said what it wants."""
    return not _interactive(session) or typer.confirm(question)


def _interactive(session: Session) -> bool:
    return session.terminal.is_terminal and sys.stdin.isatty() and not session.json


def reword(session: Session, review: str, decision: Literal["edit", "respond"], text: str, file: str, reason: str) -> None:
    """The text comes from where it is said to come from; else, at a terminal, from an editor that begins with the answer."""
    if text and file:
        raise typer.BadParameter("there are both --text and --file; keep one of them", param_hint="--text")
    if text or file:
        reply = text or read_policy(file, sys.stdin.buffer.read() if file == "-" else None)
        _vote(session, review, v.DecisionBody(decision=decision, reason=reason, reply=reply))
        return
    if not _interactive(session):
        raise typer.BadParameter("there is no terminal to open an editor on; give the text", param_hint="--text or --file")
    shown = session.client.read(session.client.ask("GET", _path(review)), v.ReviewDetail)
    before = shown.proposed or str(shown.answer.get("text") or "") if decision == "edit" else ""
    environment = session.outside.environment
    reply = edited_in(environment.get("VISUAL") or environment.get("EDITOR") or "vi", before)
    if not reply.strip() or reply == before:
        raise FailedError("Nothing was changed, so nothing was decided.", "Save another text to decide.")
    _vote(session, review, v.DecisionBody(decision=decision, reason=reason, reply=reply, edition=shown.edition or None))


def edited_in(editor: str, text: str) -> str:
    """What a person makes of a text in an editor. The file is readable by nobody else, and gone afterwards. Raises FailedError."""
    with tempfile.TemporaryDirectory(prefix="orchvynt-") as folder:
        path = Path(folder) / "answer.txt"
        path.touch(mode=0o600)
        path.write_text(text, "utf-8")
        try:
            ended = subprocess.run([*shlex.split(editor), str(path)], check=False).returncode  # noqa: S603 - the person's own editor
        except (OSError, ValueError) as missing:
            why = missing.strerror if isinstance(missing, OSError) else missing
            raise FailedError(f"The editor {editor} cannot be started ({why}).", "Set EDITOR, or give --text.") from missing
        if ended:
            raise FailedError(f"The editor {editor} ended with {ended}, so nothing was decided.")
        try:
            made = path.read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError) as left:
            why = "text that is not UTF-8" if isinstance(left, UnicodeDecodeError) else "no file"
            raise FailedError(f"The editor {editor} left {why}, so nothing was decided.", "Save the text as UTF-8.") from left
    # Editors end the last line; the answer did not.
    return made if text.endswith("\n") else made.removesuffix("\n")


def claim(session: Session, review: str) -> None:
    done = session.fetch("POST", f"{_path(review)}/claim", v.ReviewView)
    if done is not None:
        session.terminal.line(
            ("claimed", "cyan"), f"  {done.review} by {done.claimed_by}, until {session.terminal.when(done.claimed_until)}"
        )


def release(session: Session, review: str) -> None:
    done = session.fetch("DELETE", f"{_path(review)}/claim", v.ReviewView)
    if done is not None:
        session.terminal.line(("released", "cyan"), f"  {done.review}")


def _vote(session: Session, review: str, body: v.DecisionBody) -> None:
    done = session.fetch("POST", f"{_path(review)}/decisions", v.ReviewView, body)
    if done is None:
        return
    if done.status == "open":
        more = f"{done.missing} more {'has' if done.missing == 1 else 'have'} to approve"
        session.terminal.line(("voted", "yellow"), f"  {done.review} {body.decision} by {done.votes[-1].by}; {more}")
        return
    granted = f", granting {amount_text(done.granted, done.wanted)}" if done.wanted is not None and done.granted else ""
    changed = {"edit": ", with another text", "respond": ", with a reviewer's own words"}.get(done.decision, "")
    session.terminal.line((done.status, STATES.get(done.status, "")), f"  {done.review} by {done.by}{changed}{granted}")


def _path(review: str) -> str:
    return f"{REVIEWS}/{quote(review, safe='')}"
