"""Bodies of the commands about the policy: apply, validate, history, diff, rollback, pull."""

import difflib
import sys
from pathlib import Path
from typing import Final, NoReturn

import msgspec
import typer

from orchvynt.adapters.git import commit_of
from orchvynt.language.masking import masked_line
from orchvynt.language.problems import Problem
from orchvynt.surfaces import operator_shapes as s
from orchvynt.surfaces import policy_shapes as p
from orchvynt.surfaces.cli.outside import Outside
from orchvynt.surfaces.cli.session import FailedError, Session, read_policy, tell_failure
from orchvynt.surfaces.cli.terminal import Terminal

STDIN: Final = "-"
NO_LITERALS: Final[frozenset[str]] = frozenset()
DIFF_STYLES: Final = {"+": "green", "-": "red", "@": "cyan"}


def text_of(path: str) -> tuple[str, str]:
    """The policy's text, and the name to give problems under: the one that the user gave."""
    if path == STDIN:
        return read_policy("<stdin>", sys.stdin.buffer.read()), "<stdin>"
    return read_policy(path), path


def apply(session: Session, path: str, message: str, expected: int | None, commit: str, until: str, break_glass: bool) -> None:
    yaml, file = text_of(path)
    known = commit or ("" if path == STDIN else commit_of(path))
    body = p.ApplyBody(
        yaml=yaml, message=message, expected_version=expected, commit=known, file=file, until=checked_until(until), break_glass=break_glass
    )
    applied = _in_force_or_waits(session, "/policies", body)
    if applied is None:
        return
    for problem in applied.warnings:
        session.terminal.error_text(problem.text)
    session.terminal.line(("applied", "green"), f" version {applied.version}", (f"  {applied.digest}", "dim"))
    in_force(session, applied)


def rollback(session: Session, version: int | None, message: str, until: str, break_glass: bool) -> None:
    body = p.RollbackBody(message=message, version=version, until=checked_until(until), break_glass=break_glass)
    back = _in_force_or_waits(session, "/policies/rollback", body)
    if back is not None:
        session.terminal.line(("rolled back", "green"), f": version {back.version} is in force", (f"  {back.message}", "dim"))
        in_force(session, back)


def _in_force_or_waits(session: Session, path: str, body: p.ApplyBody | p.RollbackBody) -> p.PolicyApplied | None:
    """What is in force now; None under --json, where it is printed. A change that waits is no success under --json either."""
    raw = session.client.ask("POST", path, body)
    done: p.PolicyApplied = session.client.read(raw, p.PolicyApplied)
    if session.json:
        session.terminal.json(raw)
        if done.waiting is not None:
            raise typer.Exit(1)
        return None
    if done.waiting is not None:
        waits(session, done.waiting)
    return done


def waits(session: Session, change: p.ChangeView) -> NoReturn:
    """Nothing is in force yet. Raises FailedError: whoever wanted it in force has to know."""
    for line in change.weakens:
        session.terminal.line(("weakens", "yellow"), f"  {line}")
    who = f"{change.quorum} of {change.approvers}" if change.quorum > 1 else f"somebody of {change.approvers}"
    raise FailedError(
        f"Nothing was applied: this weakens what is protected, and waits as {change.change} until {who} approve it.",
        f"orchvynt changes show {change.change}; in an emergency: --break-glass -m WHY, which tells everybody.",
    )


def in_force(session: Session, applied: p.PolicyApplied) -> None:
    """Who serves it, and for how long."""
    behind = [f"{one.name} ({one.trouble})" if one.trouble else one.name for one in applied.replicas if one.version < applied.version]
    if behind:
        session.terminal.error(f"Not acknowledged by {', '.join(behind)}.", "`orchvynt status` shows who serves which version.")
    if applied.until:
        session.terminal.line(f"the watched file takes over again {session.terminal.when(applied.until)}")


def checked_until(text: str) -> str:
    if text and p.duration_ns(text) is None:
        raise typer.BadParameter(f"{text} is no duration: write such as 30m, 2h or 1d", param_hint="--until")
    return text


def history(session: Session, limit: int, after: str) -> None:
    page = session.fetch("GET", "/policies", s.Listing[p.PolicyView], query={"limit": str(limit), "after": after})
    if page is None:
        return
    terminal = session.terminal
    rows = [
        (
            f"{row.version}{' *' if row.current else ''}",
            terminal.when(row.applied_at),
            row.author,
            row.commit[:12],
            row.digest[:12],
            row.message,
        )
        for row in page.items
    ]
    if not rows:
        terminal.line("No policy was applied yet.")
        return
    terminal.table(("VERSION", "APPLIED", "BY", "COMMIT", "DIGEST", "WHY"), rows)
    session.more(page.next, "orchvynt history")


def pull(session: Session, version: int | None, output: str) -> None:
    """Without `version` the one in force. The text goes to `output`, or to standard output byte for byte."""
    if version is None:
        newest = session.client.read(session.client.ask("GET", "/policies", query={"limit": "1"}), s.Listing[p.PolicyView])
        if not newest.items:
            raise FailedError("No policy was applied yet, so there is none to pull.", "Apply one: orchvynt apply PATH -m WHY.")
        version = newest.items[0].version
    policy = session.fetch("GET", f"/policies/{version}", p.PolicyDetail)
    if policy is None:
        return
    if not output:
        session.terminal.raw(policy.yaml)
        return
    try:
        Path(output).write_text(policy.yaml, encoding="utf-8", newline="")
    except OSError as unwritable:
        raise FailedError(f"{output} cannot be written ({unwritable.strerror}).") from unwritable
    session.terminal.line(f"version {policy.version} is in {output}")


def diff_versions(session: Session, a: int, b: int | None) -> None:
    """Without `b` the version in force."""
    other = b if b is not None else session.client.read(session.client.ask("GET", "/status"), s.StatusView).policy_version
    first = session.client.read(session.client.ask("GET", f"/policies/{a}"), p.PolicyDetail)
    second = session.client.read(session.client.ask("GET", f"/policies/{other}"), p.PolicyDetail)
    _diff(session, p.DiffBody(old=a, new=other), first.yaml, second.yaml)


def diff_file(session: Session, path: str) -> None:
    """What applying the file would change."""
    yaml, file = text_of(path)
    current = session.client.read(session.client.ask("GET", "/status"), s.StatusView).policy_version
    live = session.client.read(session.client.ask("GET", f"/policies/{current}"), p.PolicyDetail)
    _diff(session, p.DiffBody(old=current, yaml=yaml, file=file), live.yaml, yaml)


def _diff(session: Session, body: p.DiffBody, old: str, new: str) -> None:
    """In words, then the lines. What looks like a secret in a file that was never applied is masked."""
    change = session.client.read(session.client.ask("POST", "/policies/diff", body), p.PolicyChange)
    before, after = ([masked_line(line, NO_LITERALS) for line in text.splitlines()] for text in (old, new))
    lines = tuple(difflib.unified_diff(before, after, change.old, change.new, lineterm=""))
    terminal = session.terminal
    if session.json:
        terminal.values(p.PolicyDiff(**msgspec.structs.asdict(change), lines=lines))
        return
    for problem in change.problems:
        terminal.error_text(problem.text)
    if change.same:
        terminal.line(f"{change.old} and {change.new} mean the same{'' if lines else ', to the letter'}.")
    for word in change.words:
        terminal.line(word)
    if change.bindings:
        terminal.line(("To apply this needs the role admin:", "yellow"))
        for binding in change.bindings:
            terminal.line(f"  {binding}")
    if lines:
        terminal.line("")
    for line in lines:
        terminal.line((line, DIFF_STYLES.get(line[:1], "")))


def validate(outside: Outside, path: str, json: bool) -> int:
    """Checks a file without a server. Problems go to standard output. Gives the exit code."""
    terminal = Terminal(outside.environment, outside.now())
    try:
        yaml, file = text_of(path)
    except FailedError as failed:
        tell_failure(terminal, failed, json)
        return 1
    found, streams = outside.local.validate(yaml, file)
    problems = tuple(found)
    errors = sum(problem.severity == "error" for problem in problems)
    if json:
        terminal.values(p.Validity(valid=not errors, problems=problems, streams=tuple(streams)))
        return 1 if errors else 0
    for problem in problems:
        terminal.line(_problem(problem), lines=True)
    if errors:
        terminal.error(f"{file} has {errors} {'problem' if errors == 1 else 'problems'}.")
        return 1
    terminal.line(("valid", "green"), f"  {file}")
    for line in streams:
        terminal.line(f"  {line}")
    return 0


def _problem(problem: Problem) -> tuple[str, str]:
    return problem.text, "yellow" if problem.severity == "warning" else ""
