"""Bodies of the commands about the audit: read, check, export, count, hold, forget."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec
import typer

from orchvynt.decisions.audit.chain import Checker
from orchvynt.decisions.audit.entries import Entry, Head, Kept, Words, canonical
from orchvynt.surfaces import audit_shapes as a
from orchvynt.surfaces.cli.session import FailedError, Session
from orchvynt.surfaces.operator_shapes import Listing

PAGE: Final = 500
COUNTS: Final = ("matched", "approved", "edited", "rejected", "timed_out", "open", "ended", "undecided")


class HeadLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last line of an export."""

    head: a.HeadView


def listed(session: Session, only: Mapping[str, str], limit: int, after: str) -> None:
    page = session.fetch("GET", "/audit", Listing[a.AuditEntry], query={**only, "limit": str(limit), "after": after})
    if page is None:
        return
    terminal = session.terminal
    if not page.items:
        terminal.line("No entry is there.")
        return
    rows = [
        (str(row.number), terminal.when(row.at), row.who, row.what, row.subject, "(forgotten)" if row.forgotten_by else row.why)
        for row in page.items
    ]
    terminal.table(("NUMBER", "AT", "WHO", "WHAT", "SUBJECT", "WHY"), rows)
    session.more(page.next, "orchvynt audit list")


def head(session: Session) -> None:
    found = session.fetch("GET", "/audit/head", a.HeadView)
    if found is not None:
        session.terminal.line(f"{found.number} {found.hash}")


def verify(session: Session, head: str, file: str) -> None:
    """The server's own chain, or that of a file, which needs no server. Exit 1 if it is broken."""
    # `audit head` prints number and hash; both together are as good as the hash.
    wanted = head.split()[-1] if head.split() else ""
    if file:
        found = _verified(file, wanted)
    else:
        found = session.client.read(session.client.ask("GET", "/audit/verification", None, {"head": wanted}), a.VerifiedView)
    if session.json:
        session.terminal.values(found)
    elif found.ok:
        gone = f"; the words of {found.forgotten} were forgotten, as the chain tells" if found.forgotten else ""
        session.terminal.line(("ok", "green"), f"  {_count(found.entries)}, head {found.head.number} {found.head.hash}{gone}")
    else:
        session.terminal.line(("broken", "red"), f"  at entry {found.bad_at}: {found.problem}")
    if not found.ok:
        raise typer.Exit(1)


def export(session: Session, output: str) -> None:
    """Entries that come meanwhile are in it or not; the last line says which is the last."""
    with _writing(output) as write:
        last = a.HeadView(0, "0" * 64)
        for entry in _entries(session):
            write(msgspec.json.encode(entry) + b"\n")
            last = a.HeadView(entry.number, entry.hash)
        write(msgspec.json.encode(HeadLine(last)) + b"\n")
    if output != "-":
        session.terminal.line(("written", "green"), f"  {output}: {_count(last.number)}, head {last.number} {last.hash}")


def coverage(session: Session, gate: str, begin: str, end: str) -> None:
    """Exit 1 if something was delivered without a decision."""
    raw = session.client.ask("GET", "/audit/coverage", None, {"gate": gate, "from": begin, "to": end})
    counted: a.CoverageView = session.client.read(raw, a.CoverageView)
    if session.json:
        session.terminal.json(raw)
    else:
        _tell(session, counted)
    if counted.held.undecided:
        raise typer.Exit(1)


def evidence(session: Session, review: str, output: str) -> None:
    page = session.client.ask("GET", f"/audit/evidence/{quote(review, safe='')}")
    with _writing(output) as write:
        write(page)
    if output != "-":
        session.terminal.line(("written", "green"), f"  {output}")


def hold(session: Session, where: str, message: str) -> None:
    done = session.fetch("POST", "/audit/holds", a.HoldView, a.HoldBody(where, message))
    if done is not None:
        session.terminal.line(("held", "green"), f"  {done.hold}: {done.where}")


def holds(session: Session) -> None:
    page = session.fetch("GET", "/audit/holds", Listing[a.HoldView])
    if page is None:
        return
    terminal = session.terminal
    if not page.items:
        terminal.line("No legal hold is on record.")
        return
    rows = [
        (
            row.hold,
            terminal.when(row.at),
            row.by,
            row.ticket,
            row.where,
            f"{row.released_by}: {row.release_why}" if row.released_at else "-",
        )
        for row in page.items
    ]
    terminal.table(("HOLD", "AT", "BY", "TICKET", "WHERE", "RELEASED"), rows)


def release(session: Session, hold: str, message: str) -> None:
    done = session.fetch("POST", f"/audit/holds/{quote(hold, safe='')}/release", a.HoldView, a.ReleaseBody(message))
    if done is not None:
        session.terminal.line(("released", "green"), f"  {done.hold}")


def forget(session: Session, where: str, message: str, yes: bool) -> None:
    done = session.fetch("POST", "/audit/forget", a.ForgetView, a.ForgetBody(where, message, yes))
    if done is None:
        return
    terminal = session.terminal
    terminal.pairs(
        [
            ("records", str(done.invocations)),
            ("still open", str(done.open) if done.open else ""),
            ("unclear", str(done.unclear) if done.unclear else ""),
            ("under a hold", f"{done.held} ({done.hold})" if done.held else ""),
            ("reviews", str(done.reviews) if done.done else ""),
            ("kept answers", str(done.answers) if done.done else ""),
            ("evidence", str(done.evidence) if done.done else ""),
            ("audit entries", f"{done.entries} lost their words and salts" if done.done else ""),
        ]
    )
    if done.done:
        terminal.line(("forgotten", "green"), "  what is left of them: ids, money and counts")
    else:
        terminal.line(("nothing was changed", "yellow"), "  do it with --yes")


def _tell(session: Session, counted: a.CoverageView) -> None:
    terminal = session.terminal
    terminal.line((f"Gate {counted.gate}", "bold"), f"  {counted.begins or 'the beginning'} to {counted.ends}")
    terminal.line("")
    kinds = [("held until decided", counted.held), ("after delivery", counted.after_delivery)]
    rows = [(name, *(str(getattr(counts, count)) for count in COUNTS)) for name, counts in kinds]
    terminal.table(("", *(count.upper().replace("_", " ") for count in COUNTS)), rows)
    if counted.observed:
        terminal.line(f"only observed: {counted.observed}")
    if counted.failed:
        terminal.line(f"of those held, matched because the gate could not be evaluated: {counted.failed}")
    if counted.reviewers:
        terminal.line("")
        times = [(one.by, str(one.votes), f"{one.median_ms / 1000:.1f} s", f"{one.max_ms / 1000:.1f} s") for one in counted.reviewers]
        terminal.table(("REVIEWER", "VOTES", "MEDIAN", "MAX"), times)
    terminal.line("")
    without = counted.held.undecided
    terminal.line((f"delivered without a decision: {without}", "red" if without else "green"))
    for inv in counted.delivered_without_decision:
        terminal.line(f"  {inv}")


def _entries(session: Session) -> Iterator[a.AuditEntry]:
    after: str | None = ""
    while after is not None:
        raw = session.client.ask("GET", "/audit/entries", None, {"limit": str(PAGE), "after": after})
        page = session.client.read(raw, Listing[a.AuditEntry])
        yield from page.items
        after = page.next


def _verified(path: str, wanted: str) -> a.VerifiedView:
    """An export, line by line. It ends with its head: without that it was cut off."""
    checker, last = Checker(head=wanted), None
    try:
        with Path(path).open("rb") as file:
            for number, line in enumerate(file, 1):
                if last is not None:
                    raise FailedError(f"{path}:{number}: something stands behind the head, which is the last line of an export.")
                last = _line(checker, line, path, number)
    except OSError as error:
        raise FailedError(f"{path} cannot be read ({error.strerror}).", "Write one with `orchvynt audit export -o FILE`.") from error
    found = checker.finish(Head(last.number, last.hash) if last is not None else None)
    bad_at, problem = found.bad_at, found.problem
    if not bad_at and (last is None or Head(last.number, last.hash) != found.head):
        bad_at, problem = found.entries + 1, "the file does not end with the head of its chain: it was cut off"
    head = a.HeadView(found.head.number, found.head.hash)
    return a.VerifiedView(not bad_at, found.entries, head, bad_at, problem, found.forgotten, last)


def _line(checker: Checker, line: bytes, path: str, number: int) -> a.HeadView | None:
    try:
        if line.startswith(b'{"head"'):
            return msgspec.json.decode(line, type=HeadLine).head
        entry = msgspec.json.decode(line, type=a.AuditEntry)
        checker.add(_kept(entry))
    except (msgspec.DecodeError, ValueError) as wrong:
        raise FailedError(f"{path}:{number}: this is no entry of the audit ({wrong}).", "Export it again.") from wrong
    return None


def _kept(line: a.AuditEntry) -> Kept:
    entry = Entry(
        line.number,
        int(line.at_ns),
        line.who,
        line.what,
        line.subject,
        canonical(line.details),
        canonical(line.digests),
        line.salted,
        line.previous,
        line.hash,
    )
    return Kept(entry, Words(canonical(line.salts), line.why, line.forgotten_by))


@contextmanager
def _writing(output: str) -> Iterator[Callable[[bytes], object]]:
    """Standard output, or a file that only its owner can read; it appears whole or not at all."""
    if output == "-":
        yield sys.stdout.buffer.write
        sys.stdout.flush()
        return
    path = Path(output)
    fresh = path.with_name(path.name + ".new")
    try:
        file = os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
    except OSError as error:
        raise FailedError(f"{output} cannot be written ({error.strerror}).", "Name another file with -o.") from error
    try:
        with file:
            yield file.write
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _count(entries: int) -> str:
    return "1 entry" if entries == 1 else f"{entries:,} entries"
