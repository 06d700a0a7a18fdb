"""One process of a simulation: its machine, what it is made of, and what assembly knows of it."""

from tests.simulation.ports import Mortality

from orchvynt.adapters.upstream.client import HttpUpstream
from orchvynt.assembly.machine import SERVED, Foundation, Machine, Parts
from orchvynt.language.compile import Loaded, load
from orchvynt.language.snapshot import Snapshot
from orchvynt.model.builds import Build
from orchvynt.ports.checking import Compared
from orchvynt.runtime.changing import Changing
from orchvynt.runtime.operations import Operations


class Rules:
    """Compiles policies, each text once."""

    def __init__(self) -> None:
        self._known: dict[str, Loaded] = {}

    def loaded(self, text: str) -> Loaded:
        found = self._known.get(text)
        if found is None:
            found = self._known[text] = load(text, "policy.yaml")
        assert found.snapshot is not None, [problem.text for problem in found.problems]
        return found

    # ports.checking.Checking

    async def load(self, text: str, file: str) -> Loaded:
        return self.loaded(text)

    async def compare(self, old: tuple[str, str], new: tuple[str, str]) -> Compared:
        raise NotImplementedError("nobody asks for a comparison here")


class Bug:
    """What is planted: parts of another class, and ports that something stands in front of. This one plants nothing."""

    name = ""
    parts: Parts = SERVED

    def foundation(self, on: Foundation) -> Foundation:
        return on


class Process:
    """One machine, how it is operated, and its death."""

    def __init__(self, machine: Machine, operations: Operations, changing: Changing, upstream: HttpUpstream, mortality: Mortality) -> None:
        self.machine = machine
        self.operations = operations
        self.changing = changing
        self.upstream = upstream
        self.mortality = mortality


class About:
    """Implements runtime.control.About."""

    version, name, store = "simulated", "simulated:1", "simulated"

    def __init__(self, started_at: int) -> None:
        self.started_at = started_at
        self.build: Build = "pure"

    def journal_bytes(self) -> int:
        return 0

    def draining(self) -> bool:
        return False

    def applied(self, snapshot: Snapshot) -> None:
        """Nothing of a policy is the process's own here."""

    def unfit(self, snapshot: Snapshot) -> str:
        return ""
