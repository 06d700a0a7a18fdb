"""Lives of an invocation as scripts: `Playbook(...) >> event << [commands]`, after mitmproxy's test/mitmproxy/proxy/tutils.py.

Each step is taken twice, on the state as it is and on a copy that was stored and reloaded; both must give the same commands.
A script that ends with unasserted commands fails.
"""

from collections.abc import Sequence

from tests.support.snapshots import invocation as ask
from tests.support.snapshots import snapshot as policy

from orchvynt.decisions.budgets.needs import Fits
from orchvynt.decisions.identity.subjects import Subjects
from orchvynt.decisions.routing.figures import nothing_observed
from orchvynt.dialects.shapes import Answer
from orchvynt.language.scope import RequestValues
from orchvynt.language.snapshot import Gate, Snapshot
from orchvynt.lifecycle import admission
from orchvynt.lifecycle.commands import Admit, AnyCommand, Record, Send
from orchvynt.lifecycle.events import Admitted, AnyEvent, Received
from orchvynt.lifecycle.state import State, decode, encode
from orchvynt.lifecycle.table import step
from orchvynt.model.facts import AnyFact, Reserved
from orchvynt.model.invocation import Invocation
from orchvynt.model.usage import Usage

HELD = (Reserved("b", "*", 0, 0, 30),)
BODY = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4o","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}'
)
ANSWER = Answer(BODY, "chatcmpl-1", "gpt-4o", "stop", Usage(9, 1), 2)
ASK_FIRST = Admit(1, "gpt", "att_1.1")


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
            return admission.begin(self.snapshot, state, event, values, nothing_observed(), Subjects())
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


def admitted(output: int | None = 20) -> Admitted:
    return Admitted(2_000, 20, Fits(output, 0, 30), HELD, 10)


def received() -> Received:
    return Received(1_500, 10)


def sent(stream: bool = False, gates: tuple[Gate, ...] = (), tiers: tuple[str, ...] = ("gpt", "claude")) -> Playbook:
    """A life whose first attempt is under way."""
    playbook = Playbook(policy(tiers=tiers, gates=gates), ask(stream=stream))
    judged = ["gate_judged" for gate in gates if gate.when is None]
    return (
        playbook
        >> received()
        << [Recorded("invocation_received", "routed", *judged), ASK_FIRST]
        >> admitted()
        << [Recorded("hold_placed", "attempt_sent"), Send]
    )
