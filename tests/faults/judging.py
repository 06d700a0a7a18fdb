"""Holds what the caller saw against what a cell promises, the record and the provider's own books."""

import json
from typing import Any, Final

from tests.faults.table import Cell
from tests.faults.world import RESCUE, SAID, World
from tests.support.canaries import PLANTED
from tests.support.outside import Heard, books_balance, of_kind, outcomes

KEY: Final = PLANTED["TEST_API_KEY"].encode()


def explained_of(world: World, heard: Heard) -> Any:
    return books_balance(world.server, world.provider, heard.headers["x-orchvynt-invocation"])


def judge(world: World, cell: Cell, heard: Heard, since: int, said: str = SAID, unheard: tuple[str, ...] = ()) -> Any:
    """Gives the record. `since` is the ledger's last arrival before the cell's request; attempts that ended with a word of `unheard`
    never reached the provider."""
    explained = explained_of(world, heard)
    sees = cell.sees
    if sees == "either":
        sees = "next tier" if len(outcomes(explained)) > 1 else "error event"
    match sees:
        case "next tier":
            _next_tier(cell, heard, explained)
        case "answer":
            _answer(cell, heard, explained, said)
        case "refusal":
            _refusal(cell, heard, explained)
        case "error event":
            _error_event(cell, heard, explained, said)
        case _:
            raise AssertionError(f"{cell.name} is not judged here")
    asked = [
        detail["provider"]
        for detail, outcome in zip(of_kind(explained, "attempt_sent"), outcomes(explained), strict=True)
        if outcome not in unheard
    ]
    assert world.arrivals(since) == asked, "one arrival for each attempt on record"
    assert KEY not in heard.body
    assert KEY not in json.dumps(explained).encode()
    assert "Traceback" not in world.server.log
    assert world.held == 0
    return explained


def was_whole(heard: Heard, text: str) -> None:
    assert (heard.status, heard.ended, heard.text) == (200, "whole", text)
    if heard.streamed:
        assert heard.ends == ["marker"]


def _next_tier(cell: Cell, heard: Heard, explained: Any) -> None:
    was_whole(heard, RESCUE)
    assert explained["outcome"] == "answered"
    *before, last = outcomes(explained)
    assert last == "answered"
    assert 1 <= len(before) <= 2, (before, explained["verdict"])
    assert set(before) <= set(cell.row.words.split()), explained["verdict"]
    assert [detail["to_model"] for detail in of_kind(explained, "fallback_activated")] == ["rescue"]
    told = {name: heard.headers[f"x-orchvynt-{name}"] for name in ("model", "requested-model", "tier", "attempts")}
    assert told == {"model": "rescue", "requested-model": cell.name, "tier": "2", "attempts": str(len(before) + 1)}


def _answer(cell: Cell, heard: Heard, explained: Any, said: str) -> None:
    was_whole(heard, said)
    assert outcomes(explained)[-1:] == ["answered"]
    assert set(outcomes(explained)[:-1]) <= set(cell.row.words.split())
    told = (heard.headers["x-orchvynt-model"], heard.headers["x-orchvynt-attempts"])
    assert told == (cell.name, str(len(outcomes(explained))))


def _refusal(cell: Cell, heard: Heard, explained: Any) -> None:
    assert 400 <= heard.status < 500
    error = heard.json["error"]
    assert error["message"]
    assert error["invocation_id"] == explained["invocation"]
    assert outcomes(explained) == cell.row.words.split()
    assert explained["outcome"] == "refused"


def _error_event(cell: Cell, heard: Heard, explained: Any, said: str) -> None:
    assert heard.status == 200
    assert heard.ends == ["error"]
    assert said.startswith(heard.text)
    assert heard.events[-1]["error"]["invocation_id"] == explained["invocation"]
    assert explained["outcome"] == "failed"
    assert len(outcomes(explained)) == 1, "no second answer may be spliced to the first"
    assert set(outcomes(explained)) <= set(cell.row.words.split())
    assert [detail.get("whole", False) for detail in of_kind(explained, "stream_ended")] == [False]
