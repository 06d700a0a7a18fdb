"""What was spent, and statements, by the admin API."""

import pytest
from tests.support.receipts import paid
from tests.surfaces.admin.test_resources import pages
from tests.surfaces.world import NOW, SECOND, World

from orchvynt.model.usage import Usage

HOUR = 3600 * SECOND
DAY = 24 * HOUR
HOSTILE = ["=1+1", "a\r\nb", "x' OR 1=1", "\u202egnp", "é/ü", ""]


def fill(world: World) -> None:
    """January began an hour ago; most of it is of December."""
    for number in range(30):
        usage = Usage(1000 + number, 100, cached_input_tokens=10, reasoning_tokens=5, estimated=number == 7)
        world.happened(
            paid(
                number, 10**9 + number, NOW - number * 2 * DAY - 2 * HOUR, "gpt-4o" if number % 3 else "gpt-4o-mini", usage=usage,
                key="team", workflow=HOSTILE[number % 6], agent=f"agent {number % 2}", context={"customer": HOSTILE[number % 6]},
            )
        )  # fmt: skip
    world.happened(paid(90, 5, NOW - HOUR // 2))


def test_spend_is_the_costliest_first_since_a_while(world: World) -> None:
    fill(world)
    day = world.ask("GET", "/spend", "viewer").json
    assert (day["by"], day["since"], day["until"]) == (["model"], "2025-12-31T01:00:00.000000Z", "2026-01-01T01:00:00.000000Z")
    assert [(item["group"], item["nanos"]) for item in day["items"]] == [({"model": "gpt-4o-mini"}, 10**9 + 5)]
    told = world.ask("GET", "/spend?since=90d&by=model,agent").json
    assert [item["nanos"] for item in told["items"]] == sorted((item["nanos"] for item in told["items"]), reverse=True)
    assert sum(item["nanos"] for item in told["items"]) == told["total"]["nanos"] == 30 * 10**9 + 435 + 5
    assert (told["total"]["usd"], told["total"]["invocations"], told["total"]["attempts"]) == ("30.00000044", 31, 31)
    assert (told["total"]["estimated"], told["total"]["estimated_usd"]) == (1, "1.000000007")
    assert (told["total"]["cached_input_tokens"], told["total"]["reasoning_tokens"]) == (300, 150)


def test_pages_are_whole_whatever_callers_call_themselves(world: World) -> None:
    fill(world)
    for path in ("/spend?since=90d&by=workflow", "/spend?month=2025-12&by=context.customer,key", "/statements/2025-12?by=workflow"):
        whole = world.ask("GET", path).json
        assert pages(world, path, 2) == whole["items"]
        assert {item["group"].get("workflow", item["group"].get("context.customer")) for item in whole["items"]} == set(HOSTILE)


def test_a_statement_is_the_sum_of_its_months_receipts(world: World) -> None:
    fill(world)
    december = world.ask("GET", "/statements/2025-12?by=workflow").json
    assert (december["closed"], december["timezone"], december["since"]) == (True, "UTC", "2025-12-01T00:00:00.000000Z")
    mine = [10**9 + number for number in range(30) if NOW - number * 2 * DAY - 2 * HOUR >= NOW - HOUR - 31 * DAY]
    assert december["total"]["nanos"] == sum(item["nanos"] for item in december["items"]) == sum(mine)
    assert december["total"]["attempts"] == len(mine)
    assert world.ask("GET", "/statements/2025-12?by=workflow").json == december, "in the same order each time"
    january = world.ask("GET", "/statements/2026-01").json
    assert (january["closed"], january["total"]["nanos"], len(january["items"])) == (False, 5, 1)
    empty = world.ask("GET", "/statements/2030-01").json
    assert (empty["items"], empty["total"]["nanos"], empty["total"]["usd"]) == ([], 0, "0")


def test_receipts_one_by_one_are_what_a_statement_sums_up(world: World) -> None:
    fill(world)
    december = world.ask("GET", "/statements/2025-12").json["total"]
    receipts = pages(world, "/receipts?month=2025-12", 4)
    assert sum(one["nanos"] for one in receipts) == december["nanos"]
    assert len({one["attempt"] for one in receipts}) == december["attempts"] == len(receipts)
    assert [one["at"] for one in receipts] == sorted(one["at"] for one in receipts)
    assert {one["context"] for one in receipts} >= {'{"customer":"=1+1"}', '{"customer":""}'}
    (last,) = world.ask("GET", "/receipts?since=1h", "viewer").json["items"]
    assert (last["invocation"], last["response"], last["model"], last["usd"]) == (
        "inv_" + "90".zfill(26),
        "chatcmpl-90-0",
        "gpt-4o-mini",
        "0.000000005",
    )


@pytest.mark.parametrize(
    ("path", "param"),
    [
        ("/receipts?after=x", "after"),
        ("/receipts?since=x", "since"),
        ("/spend?by=modle", "by"),
        ("/spend?since=soon", "since"),
        ("/spend?since=24h&month=2026-01", "since"),
        ("/spend?month=2026-13", "month"),
        ("/statements/november", "month"),
        ("/statements/2026-11?by=a,b,c,d,e", "by"),
        ("/statements/2026-11?days=mine", "days"),
        ("/statements/2026-11?format=csv", "format"),
    ],
)
def test_what_makes_no_sense_is_refused(world: World, path: str, param: str) -> None:
    answer = world.ask("GET", path)
    assert (answer.status, answer.error["param"]) == (400, param)
    assert answer.error["message"]
