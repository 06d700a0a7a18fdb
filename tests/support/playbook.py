"""Lives of an invocation as scripts: `Playbook(...) >> event << [commands]`, after mitmproxy's test/mitmproxy/proxy/tutils.py.

Each step is taken twice, on the state as it is and on a copy that was stored and reloaded; both must give the same commands.
A script that ends with unasserted commands fails.
"""

from collections.abc import Sequence

from orchvynt.language.scope import RequestValues
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle import admission
from orchvynt.lifecycle.commands import AnyCommand, Record
from orchvynt.lifecycle.events import AnyEvent, Received
from orchvynt.lifecycle.state import State, decode, encode
from orchvynt.lifecycle.table import step
from orchvynt.model.facts import AnyFact
from orchvynt.model.invocation import Invocation


class Recorded:
    """Matches a Record whose facts have these tags, in this order."""

    def __init__(self, *tags: str) -> None:
        self.tags = tags

    def __repr__(self) -> str:
        return f"Recorded{self.tags}"


Expected = AnyCommand | Recorded | type


class Playbook:
    """The machine under test, its state, and all facts so far."""

    def __init__(self, snapshot: Snapshot, invocation: Invocation) -> None:
        self.snapshot = snapshot
        self.state = State(invocation)
        self.facts: list[AnyFact] = []
        self._pending: list[AnyCommand] | None = None

    def __rshift__(self, event: AnyEvent) -> "Playbook":
        assert not self._pending, f"commands without an assertion: {self._pending}"
        reloaded = decode(encode(self.state))
        commands = self._step(self.state, event)
        assert commands == self._step(reloaded, event), "a stored and reloaded state gives other commands"
        assert encode(reloaded) == encode(self.state)
        for command in commands:
            if isinstance(command, Record):
                self.facts.extend(command.facts)
        self._pending = commands
        return self

    def _step(self, state: State, event: AnyEvent) -> list[AnyCommand]:
        if isinstance(event, Received):
            values = RequestValues(state.invocation, event.at, lambda: "hello")
            return admission.begin(self.snapshot, state, event, values)
        return step(self.snapshot, state, event)

    def __lshift__(self, expected: Sequence[Expected]) -> "Playbook":
        assert self._pending is not None, "no event came before"
        found, self._pending = self._pending, []
        lines = [
            f"{'  ' if _matches(command, wanted) else '! '}{command!r}\n    expected {wanted!r}"
            for command, wanted in zip(found, expected, strict=False)
        ]
        same = len(found) == len(expected) and all(_matches(command, wanted) for command, wanted in zip(found, expected, strict=True))
        assert same, f"{len(found)} commands, {len(expected)} expected\n" + "\n".join(lines) + f"\nall: {found}"
        return self

    def tags(self) -> list[str]:
        return [tag(fact) for fact in self.facts]


def tag(fact: AnyFact) -> str:
    return str(fact.__struct_config__.tag)


def _matches(command: AnyCommand, wanted: Expected) -> bool:
    if isinstance(wanted, Recorded):
        return isinstance(command, Record) and tuple(tag(fact) for fact in command.facts) == wanted.tags
    if isinstance(wanted, type):
        return isinstance(command, wanted)
    return command == wanted
