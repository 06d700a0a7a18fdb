"""Performs `LookInto`: Presidio looks through an answer, off the loop; what it says to a life that went on without it is not heard."""

from collections.abc import Callable

from orchvynt.lifecycle.commands import LookInto
from orchvynt.lifecycle.events import AnyEvent, LookedInto
from orchvynt.ports.clock import Clock
from orchvynt.ports.looking import Looked, Looking
from orchvynt.runtime.life import Life


class LookingInto:
    """`feed` is the carrier's."""

    def __init__(self, looking: Looking, clock: Clock, feed: Callable[[Life, AnyEvent], bool]) -> None:
        self._looking = looking
        self._clock = clock
        self._feed = feed

    def perform(self, life: Life, command: LookInto) -> None:
        terms = life.snapshot.presidio
        assert terms is not None, "a policy that asks Presidio says how"
        mark = life.looks = object()
        self._looking.look(terms, command.kinds, command.text, lambda looked: self._looked(life, mark, looked))

    def _looked(self, life: Life, mark: object, looked: Looked) -> None:
        if life.looks is not mark or life.state.phase != "looking":
            return
        life.looks = None
        self._feed(life, LookedInto(self._clock.now(), self._clock.monotonic(), dict(looked.found), looked.problem))
