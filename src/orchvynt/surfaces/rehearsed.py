"""What `orchvynt test` found, as the JSON that it prints: the one thing that the rehearsal and the command line share."""

from typing import Any, Literal

import msgspec

from orchvynt.language.problems import Problem


class Unmet(msgspec.Struct, frozen=True):
    """One expectation that did not hold. `problem` says so at its place in the file; its help is the verdict on the invocation."""

    expectation: str
    expected: Any
    happened: Any
    problem: Problem


class Rehearsed(msgspec.Struct, frozen=True):
    """One test. `verdict` is the sentence that `orchvynt explain` begins with; `duration_ms` is of virtual time."""

    name: str
    line: int
    column: int
    passed: bool
    outcome: str
    verdict: str
    duration_ms: float
    unmet: tuple[Unmet, ...] = ()


class Rehearsal(msgspec.Struct, frozen=True):
    """All tests of a file that were run, in its order. `problems` are those of the policy; with an error among them nothing is run.

    `left_out` counts the tests whose names `-k` does not fit.
    """

    file: str
    passed: bool
    problems: tuple[Problem, ...]
    items: tuple[Rehearsed, ...]
    left_out: int = 0
    next: Literal[None] = None

    @property
    def failures(self) -> int:
        return sum(not item.passed for item in self.items)

    @property
    def errors(self) -> int:
        return sum(problem.severity == "error" for problem in self.problems)
