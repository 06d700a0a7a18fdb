"""Holds what the agent got, what the provider's own ledger says arrived and was billed, and the record, against what a cell promises."""

import pytest
from tests.clients.agent import Agent
from tests.clients.arrived import arrived, expected
from tests.clients.table import ANSWER, RAISES, Cell, Fails, Got, Says
from tests.clients.world import COVERS, World
from tests.support.outside import of_kind

from orchvynt.scripted.ledger import Ledger

UNSUPPORTED = Fails(400, "unsupported")


def judge(world: World, agent: Agent, cell: Cell) -> None:
    world.arrivals()
    gets = UNSUPPORTED if cell.refused else cell.row.gets
    if cell.unsayable:
        # The client itself refuses it, so that this fails when a later client can.
        with pytest.raises((TypeError, ValueError)):
            agent.ask(cell, world.secrets[cell.key])
        assert world.arrivals() == []
    elif isinstance(gets, Fails):
        _fails(world, agent, cell, gets)
    else:
        _says(world, agent, cell, gets)


def _fails(world: World, agent: Agent, cell: Cell, gets: Fails) -> None:
    with pytest.raises(getattr(agent.module, RAISES[cell.client][gets.status]), match=gets.words or None) as raised:
        agent.ask(cell, world.secrets[cell.key])
    status, code = agent.told(raised.value)
    text, ends = agent.so_far()
    assert ends == [], "an answer that broke off looks whole"
    if gets.status:
        assert status == gets.status
        assert code in (None, gets.code)
    else:
        assert text
        assert gets.said.startswith(text)
    asked = () if cell.refused else cell.row.asks
    kept = world.arrivals()
    assert [one["provider"] for one in kept] == [f"{name}-{cell.provider}" for name in asked]
    for one in kept:
        assert arrived(cell.provider, one) == expected(cell)


def _says(world: World, agent: Agent, cell: Cell, gets: Says) -> None:
    answers = agent.ask(cell, world.secrets[cell.key])
    last = answers[-1]
    thought = gets.thought if cell.client == cell.provider == "anthropic" else ""
    assert (last.text, last.calls, last.thought) == (gets.text, gets.calls, thought)
    assert last.logged == (gets.text if cell.ask.logprobs else None)
    cover = cell.row.asks[1:]
    # An Ollama tells of no filter.
    word = "stop" if gets.ended == "filtered" and cell.provider == "ollama" else gets.ended
    assert last.ended == agent.ended(word, cell.client == (COVERS[cell.provider] if cover else cell.provider))
    assert len(set(last.ids)) == len(last.ids)
    kept = world.arrivals()
    if cover:
        _covered(cell, kept)
    else:
        _asked(cell, kept, answers)
    explained = world.server.explain("last")
    ends = of_kind(explained, "attempt_ended")
    assert of_kind(explained, "attempt_sent")[-1]["model"] == (f"cover-{COVERS[cell.provider]}" if cover else cell.model)
    assert tuple(ends[-1].get("dropped", ())) == cell.lost
    _billed(world.provider.ledger(), kept[-1]["n"], last)


def _asked(cell: Cell, kept: list[dict[str, object]], answers: list[Got]) -> None:
    """One request for each answer, in the provider's own dialect, with all that was asked and nothing twice."""
    wanted = [expected(cell)]
    for before in answers[:-1]:
        wanted.append(expected(cell, before.calls, before.text))
    assert [arrived(cell.provider, one) for one in kept] == wanted
    assert {one["provider"] for one in kept} == {cell.model}


def _covered(cell: Cell, kept: list[dict[str, object]]) -> None:
    """The next tier was asked for the same or, after a part of the answer, for the rest of it."""
    cover = COVERS[cell.provider]
    assert [one["provider"] for one in kept] == [cell.model, f"cover-{cover}"]
    first, second = arrived(cell.provider, kept[0]), arrived(cover, kept[1])
    if cell.row.name == "rescued":
        assert 0 < second.limit <= first.limit
        role, said = second.turns[-1]
        assert role == "assistant"
        assert said
        assert ANSWER.startswith(said)
        second = second._replace(turns=second.turns[:-1], limit=first.limit)
    assert first == second == expected(cell)


def _billed(ledger: Ledger, number: int, got: Got) -> None:
    """The agent is told what the provider bills for it."""
    charge = ledger.charge(number)
    assert charge is not None
    assert (charge.billed.input, charge.billed.output) == got.tokens
