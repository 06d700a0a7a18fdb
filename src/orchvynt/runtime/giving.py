"""Performs `Flow`, `Deliver` and `EndStream`: an answer goes out to the callers of its life."""

from orchvynt.lifecycle import commands
from orchvynt.lifecycle.replies import answer_said
from orchvynt.runtime.callers import Callers
from orchvynt.runtime.exchange import Exchange
from orchvynt.runtime.life import Life


class Giving:
    """What an answer says is what its conversation is known by."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers

    def flow(self, life: Life, _command: commands.Flow) -> None:
        exchange = life.exchange
        assert isinstance(exchange, Exchange)
        life.stop_timers(("deadline", "keep_alive"))
        exchange.flows = True
        first = exchange.take_held()
        exchange.delivered_bytes += len(first)
        self._callers.start_stream(life, first)

    def deliver(self, life: Life, _command: commands.Deliver) -> None:
        if life.conversation is not None:
            life.conversation.answered(life.id, answer_said(life.snapshot, life.state))
        self._callers.deliver(life)

    def end_stream(self, life: Life, _command: commands.EndStream) -> None:
        exchange = life.exchange
        assert isinstance(exchange, Exchange)
        assert exchange.relay is not None
        if life.conversation is not None:
            life.conversation.answered(life.id, exchange.relay.said())
        self._callers.end_stream(life, exchange.relay.finish)
