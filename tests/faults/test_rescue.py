"""A stream breaks after content was delivered, and the chain says `continue` or `restart`: one whole text, or an error event."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any, Final

import pytest
from tests.faults.cells import meets, of_chapters, runnable
from tests.faults.judging import KEY, explained_of, was_whole
from tests.faults.later_rows import RESCUED
from tests.faults.table import Cell
from tests.faults.world import World, opened, policy
from tests.support.outside import of_kind, outcomes

from orchvynt.scripted import tokens
from orchvynt.testing.scripted import ScriptedProvider

FRAMES: Final = 6
TEXT: Final = "Grüße, 世界 👋: this is one answer in many pieces, and each of them comes once, in its place, up to the last word."
PIECES: Final = tokens.split(TEXT)
# What two of six frames bring (orchvynt.scripted.composing spreads the pieces evenly).
DELIVERED: Final = "".join(PIECES[: len(PIECES) * 2 // FRAMES])
OTHER: Final = "Somebody else would have begun in quite another way."
NAMES = of_chapters(RESCUED)
# The tiers after the broken one, by the beginning of a row's name.
TIERS: Final = {
    "prefill-refused-last": ["claude"],
    "prefill-refused": ["claude", "gpt"],
    "prefill": ["claude"],
    "instruct": ["gpt"],
    "restart": ["gpt"],
}


def tiers_of(cell: Cell) -> str:
    return next(start for start in TIERS if cell.row.name.startswith(start))


def write(provider: ScriptedProvider, start: str) -> dict[str, Any]:
    cells = [cell for cell in runnable(*NAMES) if tiers_of(cell) == start]
    written = policy(provider, cells)
    key = {"api_key": "${env:TEST_API_KEY}"}
    written["providers"]["claude"] = {"kind": "anthropic", "base_url": provider.base_url("claude", "anthropic"), **key}
    written["providers"]["gpt"] = {"kind": "openai", "base_url": provider.base_url("gpt"), **key}
    # How a model goes on is known by its name: the one extends a trailing assistant turn, the other is asked to.
    written["models"]["claude"] = {"provider": "claude", "model": "claude-sonnet-4-5", "price": {"input": 3, "output": 15}}
    written["models"]["gpt"] = {"provider": "gpt", "model": "gpt-4o", "price": {"input": 2.5, "output": 10}}
    chain = written["fallback"]["chains"]["default"]
    chain["tiers"] = TIERS[start]
    chain["mid_stream"] = "restart" if start == "restart" else "continue"
    return written


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, World]]:
    """One server for each list of tiers."""
    with ExitStack() as stack:
        yield {start: stack.enter_context(opened(tmp_path_factory.mktemp(start), None, partial(write, start=start))) for start in TIERS}


def rescuers_words(cell: Cell) -> str:
    match cell.row.name:
        case "instruct-overlap":
            return DELIVERED[-16:] + TEXT.removeprefix(DELIVERED)
        case "instruct-other":
            return OTHER
    return TEXT


@meets(*NAMES)
def test_a_broken_answer_is_rescued_without_a_seam_or_not_at_all(worlds: dict[str, World], cell: Cell) -> None:
    world = worlds[tiers_of(cell)]
    words = rescuers_words(cell)
    first = {"match": {"provider": cell.name}, "text": TEXT, "frames": FRAMES, "frame_interval": "8ms"}
    world.provider.script({"answers": [first], "otherwise": {"text": words}})
    world.provider.fault(cell.name, cell.fault)
    if cell.row.name.startswith("prefill-refused"):
        world.provider.fault("claude", "refuses_prefill")
    since = world.provider.ledger().last
    heard = world.ask(cell)
    explained = explained_of(world, heard)
    match cell.sees:
        case "next tier":
            was_whole(heard, words)
            assert heard.headers["x-orchvynt-model"] == TIERS[tiers_of(cell)][0]
        case "continued":
            was_whole(heard, TEXT)
            assert explained["outcome"] == "answered"
            assert outcomes(explained)[-1] == "answered"
            _went_on(world, cell, since)
            told = json.dumps(explained).replace(cell.name, "")
            assert ("prefill" if TIERS[tiers_of(cell)][-1] == "claude" else "instruct") in told, "how it went on is on record"
        case _:
            assert heard.ends == ["error"]
            assert heard.text == DELIVERED, "what was delivered stays, and nothing is joined to it"
            assert explained["outcome"] == "failed"
    asked = [detail["provider"] for detail in of_kind(explained, "attempt_sent")]
    assert world.arrivals(since) == asked
    assert set(outcomes(explained)) <= {*cell.row.words.split(), "answered"}
    assert KEY not in heard.body
    assert world.held == 0


def _went_on(world: World, cell: Cell, since: int) -> None:
    """The rescuer was given what had been delivered as an assistant's turn: the last one where that is how it goes on."""
    rescuer = TIERS[tiers_of(cell)][-1]
    body = json.loads(world.provider.arrivals(since)[-1]["body"])
    turns = [(turn["role"], _text(turn["content"])) for turn in body["messages"]]
    assert ("assistant", DELIVERED) in (turns[-1:] if rescuer == "claude" else turns)
    assert world.arrivals(since)[-1] == rescuer


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)
