"""The command line with local commands that only tell what they were asked; in this process, or as a process of its own.

Run as `python -m tests.surfaces.cli.shell ARGUMENTS`.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from orchvynt.language.problems import Problem
from orchvynt.surfaces.cli.app import build_app
from orchvynt.surfaces.cli.outside import LocalCommands, Outside

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


def outside(told: Told, environment: dict[str, str], directory: Path) -> Outside:
    local = LocalCommands(told.take, told.take, told.take, told.take, told.take, check)
    return Outside(environment, directory, lambda: NOW, "9.9.9", local)


def run(*arguments: str, env: dict[str, str] | None = None, directory: Path = NOWHERE, told: Told | None = None, stdin: str = "") -> Result:
    """One command in this process, into a pipe."""
    app = build_app(outside(told or Told(), env or {}, directory))
    return CliRunner().invoke(app, list(arguments), input=stdin)


if __name__ == "__main__":
    given = dict(os.environ)
    sys.argv[0] = "orchvynt"
    build_app(outside(Told(), given, Path.cwd()))()
