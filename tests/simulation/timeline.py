"""What was seen from outside, in the order in which it happened. The auditor reads this and the plan, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from orchvynt.model.facts import AnyFact
from orchvynt.runtime.control import BudgetLine
from orchvynt.scripted.ledger import Arrived, Charge


@dataclass(frozen=True)
class Arrival:
    """At the provider. `budgets` is what the API said of the budgets in the same instant; empty if nobody was there to ask."""

    at: int
    entry: Arrived
    budgets: tuple[BudgetLine, ...]


@dataclass(frozen=True)
class Bill:
    """By the provider. `dead`: nobody was left who could have heard of it."""

    at: int
    entry: Charge
    dead: bool


@dataclass(frozen=True)
class Written:
    """These facts of one invocation are on record."""

    at: int
    facts: Sequence[AnyFact]


@dataclass(frozen=True)
class Asked:
    """The request of call `call` reached the process; `policy` is the number of the plan's policy that was in force."""

    at: int
    call: int
    policy: int


@dataclass(frozen=True)
class Heard:
    """What the caller of `call` got, at its end. `how`: answered, ended, aborted, left, reset (the process died), refused (no process)."""

    at: int
    call: int
    how: str
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Applied:
    """The plan's policy `policy` is in force, as this version."""

    at: int
    version: int
    policy: int


@dataclass(frozen=True)
class Began:
    """A process serves; `settled_at_bound` and the others are what it says it found."""

    at: int
    policy: int
    settled_at_bound: int
    voided: int
    interrupted: int


@dataclass(frozen=True)
class Ended:
    """A process is gone: `kill`, at the boundary `where`; `drain`; or `end`, of the seed."""

    at: int
    how: str
    where: str


@dataclass(frozen=True)
class Rest:
    """Nothing is in flight: what the API says of the budgets, and whether the store knows of open holds and unfinished invocations."""

    at: int
    budgets: tuple[BudgetLine, ...]
    open_holds: tuple[str, ...]
    unfinished: tuple[str, ...]


@dataclass(frozen=True)
class Defect:
    """Something broke that never may: a traceback, an invariant's assertion."""

    at: int
    text: str


Entry = Arrival | Bill | Written | Asked | Heard | Applied | Began | Ended | Rest | Defect


@dataclass
class Timeline:
    """`began` is the virtual instant of the beginning, in ns UTC."""

    began: int
    entries: list[Entry] = field(default_factory=list)

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)
