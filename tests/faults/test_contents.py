"""The provider miscounts, bills too much, or ends an answer by its filter: what is settled, and what the caller is told."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from tests.faults.cells import meets, of_chapters, runnable
from tests.faults.judging import explained_of, judge, was_whole
from tests.faults.table import Cell
from tests.faults.world import RESCUE, SAID, World, opened, policy
from tests.faults.world_rows import MISCOUNTS
from tests.support.outside import of_kind, outcomes

from orchvynt.testing.scripted import ScriptedProvider

TOO_LONG = runnable("too-long")
NAMES = [*of_chapters(MISCOUNTS), "filtered"]
# A limit for each session: that of one cell is used up without the others.
SESSION: Final = {"name": "session", "scope": "session", "when": 'session != ""', "limit": {"tokens": 1000}, "on_breach": "reject"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    cells = runnable(*NAMES)
    answers: list[Any] = [{"match": {"provider": "rescue"}, "text": RESCUE}]
    answers += [{"text": SAID, **cell.row.answer, "match": {"provider": cell.name}} for cell in cells]

    def write(provider: ScriptedProvider) -> dict[str, Any]:
        written = policy(provider, [*cells, *TOO_LONG], timeouts={}, budgets=[SESSION])
        written["providers"]["small"] = {"kind": "openai", "base_url": provider.base_url("small")}
        written["models"]["small"] = {"provider": "small", "price": "free", "context_window": 100}
        written["fallback"]["chains"]["default"]["tiers"] = ["small", "rescue"]
        return written

    with opened(tmp_path_factory.mktemp("contents"), {"answers": answers}, write) as world:
        yield world


@meets(*of_chapters(MISCOUNTS))
@pytest.mark.parametrize("limited", [True, False], ids=["limited", "unlimited"])
def test_what_was_used_is_settled(world: World, cell: Cell, limited: bool) -> None:
    name = cell.row.name
    options: dict[str, Any] = {"max_tokens": 100} if limited else {}
    since = world.provider.ledger().last
    heard = world.ask(cell, headers={"x-orchvynt-session": cell.name} if limited else {}, **options)
    [receipt] = of_kind(judge(world, cell, heard, since), "attempt_settled")
    if cell.streams:
        assert not any(event.get("usage") for event in heard.events), "the caller did not ask for usage"
    assert receipt["usage"].get("estimated", False) == (name in ("no-usage", "absurd-usage"))
    if name == "overrun":
        assert (receipt["usage"]["input_tokens"], receipt["usage"]["output_tokens"]) == (400, 900)
        assert receipt.get("overrun", False) or not limited
        if limited:
            since = world.provider.ledger().last
            refused = world.ask(cell, headers={"x-orchvynt-session": cell.name}, **options)
            assert (refused.status, refused.json["error"]["code"], world.arrivals(since)) == (402, "budget_exceeded", [])


@pytest.mark.parametrize("late", runnable("late-usage"), ids=lambda cell: cell.name)
def test_usage_that_was_asked_for_comes_once(world: World, late: Cell) -> None:
    heard = world.ask(late, stream_options={"include_usage": True})
    assert len([event for event in heard.events if event.get("usage")]) == 1
    assert heard.ends == ["marker"]


@meets("filtered")
def test_a_filtered_answer_reaches_the_caller_as_such(world: World, cell: Cell) -> None:
    since = world.provider.ledger().last
    heard = world.ask(cell)
    judge(world, cell, heard, since, said="I")
    choices = [choice for event in heard.events if (choice := next(iter(event.get("choices", ())), None))] if cell.streams else None
    reasons = [choice["finish_reason"] for choice in choices] if choices else [heard.json["choices"][0]["finish_reason"]]
    assert [reason for reason in reasons if reason] == ["content_filter"]
    assert len(of_kind(explained_of(world, heard), "attempt_sent")) == 1


@pytest.mark.parametrize("long", TOO_LONG, ids=lambda cell: cell.name)
def test_what_is_too_long_goes_to_a_model_with_more_room(world: World, long: Cell) -> None:
    world.provider.fault(long.name, long.fault)
    since = world.provider.ledger().last
    heard = world.ask(long, "one word more, " * 100)
    was_whole(heard, RESCUE)
    assert outcomes(explained_of(world, heard)) == ["context_length", "answered"]
    assert world.arrivals(since) == [long.name, "rescue"], "the tier between has less room than the request needs"
