"""Bodies of the commands about the policy: apply, validate, history, diff, rollback, pull."""

import difflib
import sys
from pathlib import Path
from typing import Final

from orchvynt.language.problems import Problem
from orchvynt.surfaces import operator_shapes as s
from orchvynt.surfaces.cli.outside import Outside
from orchvynt.surfaces.cli.session import FailedError, Session, read_policy
from orchvynt.surfaces.cli.terminal import Terminal

STDIN: Final = "-"
DIFF_STYLES: Final = {"+": "green", "-": "red", "@": "cyan"}


def text_of(path: str) -> tuple[str, str]:
    """The policy's text, and the name to give problems under: the one that the user gave."""
    if path == STDIN:
        return read_policy("<stdin>", sys.stdin.buffer.read()), "<stdin>"
    return read_policy(path), path


def apply(session: Session, path: str, message: str, expected: int | None, commit: str) -> None:
    yaml, file = text_of(path)
    body = s.ApplyBody(yaml=yaml, message=message, expected_version=expected, commit=commit, file=file)
    applied = session.fetch("POST", "/policies", s.PolicyApplied, body)
    if applied is None:
        return
    for problem in applied.warnings:
        session.terminal.error_text(problem.text)
    session.terminal.line(("applied", "green"), f" version {applied.version}", (f"  {applied.digest}", "dim"))


def rollback(session: Session, version: int | None, message: str) -> None:
    back = session.fetch("POST", "/policies/rollback", s.PolicyApplied, s.RollbackBody(message=message, version=version))
    if back is not None:
        session.terminal.line(("rolled back", "green"), f": version {back.version} is in force", (f"  {back.message}", "dim"))


def history(session: Session, limit: int, after: str) -> None:
    page = session.fetch("GET", "/policies", s.Listing[s.PolicyView], query={"limit": str(limit), "after": after})
    if page is None:
        return
    terminal = session.terminal
    rows = [
        (f"{row.version}{' *' if row.current else ''}", terminal.when(row.applied_at), row.author, row.commit[:12], row.message)
        for row in page.items
    ]
    if not rows:
        terminal.line("No policy was applied yet.")
        return
    terminal.table(("VERSION", "APPLIED", "BY", "COMMIT", "WHY"), rows)
    session.more(page.next, "orchvynt history")


def pull(session: Session, version: int | None, output: str) -> None:
    """Without `version` the one in force. The text goes to `output`, or to standard output byte for byte."""
    if version is None:
        newest = session.client.read(session.client.ask("GET", "/policies", query={"limit": "1"}), s.Listing[s.PolicyView])
        if not newest.items:
            raise FailedError("No policy was applied yet, so there is none to pull.", "Apply one: orchvynt apply PATH -m WHY.")
        version = newest.items[0].version
    policy = session.fetch("GET", f"/policies/{version}", s.PolicyDetail)
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


def diff(session: Session, a: int, b: int) -> None:
    """The lines that differ between two versions."""
    first = session.client.read(session.client.ask("GET", f"/policies/{a}"), s.PolicyDetail)
    second = session.client.read(session.client.ask("GET", f"/policies/{b}"), s.PolicyDetail)
    names = (f"version {a}", f"version {b}")
    lines = list(difflib.unified_diff(first.yaml.splitlines(), second.yaml.splitlines(), *names, lineterm=""))
    if session.json:
        session.terminal.values(s.PolicyDiff(a=a, b=b, same=not lines, lines=tuple(lines)))
        return
    if not lines:
        session.terminal.line(f"Versions {a} and {b} have the same text.")
    for line in lines:
        session.terminal.line((line, DIFF_STYLES.get(line[:1], "")))


def validate(outside: Outside, path: str, json: bool) -> int:
    """Checks a file without a server. Problems go to standard output. Gives the exit code."""
    terminal = Terminal(outside.environment, outside.now())
    try:
        yaml, file = text_of(path)
    except FailedError as failed:
        terminal.error_text(failed.text) if failed.text else terminal.error(str(failed), failed.help_text)
        return 1
    problems = tuple(outside.local.validate(yaml, file))
    errors = sum(problem.severity == "error" for problem in problems)
    if json:
        terminal.values(s.Validity(valid=not errors, problems=problems))
        return 1 if errors else 0
    for problem in problems:
        terminal.line(_problem(problem), lines=True)
    if errors:
        terminal.error(f"{file} has {errors} {'problem' if errors == 1 else 'problems'}.")
        return 1
    terminal.line(("valid", "green"), f"  {file}")
    return 0


def _problem(problem: Problem) -> tuple[str, str]:
    return problem.text, "yellow" if problem.severity == "warning" else ""
