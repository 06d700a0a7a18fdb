"""The command line with local commands that only tell what they were asked; in this process, or as a process of its own.

Run as `python -m tests.surfaces.cli.shell ARGUMENTS`.
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from orchvynt.language.problems import Problem
from orchvynt.surfaces.cli.app import build_app
from orchvynt.surfaces.cli.outside import LocalCommands, Outside
from orchvynt.surfaces.rehearsed import Rehearsal, Rehearsed, Unmet

NOW = 1_767_229_200_000_000_000  # that of tests.surfaces.world
NOWHERE = Path("/nonexistent")
SCRIPTED_EXIT = 7


@dataclass
class Told:
    """What the local commands were asked for."""

    options: list[Any] = field(default_factory=list)

    def take(self, options: Any) -> int:
        self.options.append(options)
        return SCRIPTED_EXIT


def check(yaml: str, file: str) -> Sequence[Problem]:
    found = []
    for number, line in enumerate(yaml.splitlines(), 1):
        if "modles" in line:
            found.append(Problem(file, number, 1, "unknown field `modles`", "modles", "Did you mean `models`?", f"  {line}\n  ^^^^^^"))
        if "discouraged" in line:
            found.append(Problem(file, number, 3, "this is discouraged", severity="warning"))
    return found


def rehearse(yaml: str, file: str, fits: Callable[[str], bool]) -> Rehearsal:
    """Each line `- NAME: passed` or `- NAME: failed` is a test; what `check` calls an error is one."""
    problems = tuple(check(yaml, file))
    if any(problem.severity == "error" for problem in problems):
        return Rehearsal(file, False, problems, ())
    lines = [(number, line) for number, line in enumerate(yaml.splitlines(), 1) if line.startswith("- ")]
    tests = [(number, *line.removeprefix("- ").rpartition(": ")) for number, line in lines]
    items = tuple(rehearsed(file, number, name, how == "passed") for number, name, _, how in tests if fits(name))
    return Rehearsal(file, all(item.passed for item in items), problems, items, len(tests) - len(items))


def rehearsed(file: str, line: int, name: str, passed: bool) -> Rehearsed:
    problem = Problem(file, line, 9, "`model` is gpt-4o, expected claude", "tests[0].expect.model", excerpt="    claude\n    ^^^^^^")
    unmet = () if passed else (Unmet("model", "claude", "gpt-4o", problem),)
    return Rehearsed(name, line, 3, passed, "answered", "Asked auto; got gpt-4o from openai; $0.001.", 250.0, unmet)


def outside(told: Told, environment: dict[str, str], directory: Path) -> Outside:
    take = told.take
    local = LocalCommands(take, take, take, take, take, take, take, take, take, lambda yaml, file: (check(yaml, file), ()), rehearse)
    return Outside(environment, directory, lambda: NOW, "9.9.9", local)


def run(*arguments: str, env: dict[str, str] | None = None, directory: Path = NOWHERE, told: Told | None = None, stdin: str = "") -> Result:
    """One command in this process, into a pipe."""
    app = build_app(outside(told or Told(), env or {}, directory))
    return CliRunner().invoke(app, list(arguments), input=stdin)


if __name__ == "__main__":
    given = dict(os.environ)
    sys.argv[0] = "orchvynt"
    build_app(outside(Told(), given, Path.cwd()))()
