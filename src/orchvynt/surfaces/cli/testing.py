"""Body of `orchvynt test`: a table for people, JSON and JUnit XML for programs."""

from pathlib import Path

from rich.text import Text

from orchvynt.surfaces.cli import junit
from orchvynt.surfaces.cli.outside import Outside
from orchvynt.surfaces.cli.policies import text_of
from orchvynt.surfaces.cli.session import FailedError, tell_failure
from orchvynt.surfaces.cli.terminal import Terminal
from orchvynt.surfaces.rehearsed import Rehearsal


def test(outside: Outside, path: str, name: str, junit_file: str, json: bool) -> int:
    """Runs the tests whose name holds `name`, in any case. Gives the exit code: 1 where one fails or the policy is broken."""
    terminal = Terminal(outside.environment, outside.now())
    try:
        yaml, file = text_of(path)
    except FailedError as failed:
        tell_failure(terminal, failed, json)
        return 1
    wanted = name.casefold()
    run = outside.local.test(yaml, file, lambda test_name: wanted in test_name.casefold())
    if junit_file:
        try:
            Path(junit_file).write_bytes(junit.document(run, outside.now()))
        except OSError as unwritable:
            tell_failure(terminal, FailedError(f"{junit_file} cannot be written ({unwritable.strerror})."), json)
            return 1
    if json:
        terminal.values(run)
    else:
        show(terminal, run)
    if not run.items and run.left_out:
        terminal.error(f"No test of {file} has {name!r} in its name.", f"It has {run.left_out} without.")
        return 1
    return 0 if run.passed else 1


def show(terminal: Terminal, run: Rehearsal) -> None:
    """Every test a line, then what was not met, each at its place."""
    for problem in run.problems:
        terminal.line((problem.text, "yellow" if problem.severity == "warning" else ""), lines=True)
    if run.errors:
        terminal.error(f"{run.file} has {run.errors} {'problem' if run.errors == 1 else 'problems'}, so no test was run.")
        return
    if run.items:
        rows = [(item.name, _result(item.passed), item.verdict) for item in run.items]
        terminal.table(("TEST", "RESULT", "WHAT HAPPENED"), rows)
    for item in run.items:
        for unmet in item.unmet:
            terminal.line("")
            terminal.line(unmet.problem.text, lines=True)
        if item.unmet:
            terminal.line(("  verdict: ", "dim"), item.verdict)
    if not run.items:
        terminal.line(f"{run.file} has no tests." if not run.left_out else f"0 of {run.left_out} tests were run.")
        return
    count = len(run.items)
    said = f"{count} {'test' if count == 1 else 'tests'}"
    terminal.line("")
    if run.failures:
        terminal.line((f"{run.failures} of {said} failed", "red"), f"  {run.file}")
    else:
        terminal.line((f"{said} passed", "green"), f"  {run.file}")


def _result(passed: bool) -> Text:
    return Text("passed", "green") if passed else Text("FAILED", "red")
