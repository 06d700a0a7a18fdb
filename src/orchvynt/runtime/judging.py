"""Performs what concerns the question to a judge: it has a life of its own within the life of its invocation, and decides nothing.

Its hold and its attempt are made as all others are; what comes of them is fed to the invocation, and recorded with it.
"""

from collections.abc import Callable
from typing import Any, Final

from orchvynt.lifecycle import commands
from orchvynt.ports.clock import Clock
from orchvynt.runtime.life import Life

Performers = dict[type[commands.Command], Callable[[Life, Any], None]]
TIMER: Final = "judge"


class Judging:
    """`performers` are those of the carrier."""

    def __init__(self, performers: Performers, clock: Clock) -> None:
        self._performers = performers
        self._clock = clock

    def perform(self, life: Life, command: commands.ForJudge) -> None:
        asked, state = command.command, life.state.judging
        question = life.judge
        if state is not None and (question is None or question.state is not state):
            self.over(life)
            question = life.judge = Life(life.snapshot, state, life.arrived)
            question.parent = life
        assert question is not None
        if isinstance(asked, commands.Send):
            # The sweep looks at the timers of invocations only.
            life.set_timer(TIMER, self._clock.monotonic() + asked.answer_ns)
        self._performers[type(asked)](question, asked)

    def over(self, life: Life) -> None:
        """Its exchange knows the question, and the question its invocation: without this only the garbage collector would end them."""
        if life.judge is not None:
            life.judge.exchange = life.judge.parent = None
            life.judge = None
