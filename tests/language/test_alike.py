"""Marks: equal for whoever a policy cannot tell apart, none where it reads what no mark holds."""

import msgspec
import pytest
from tests.support.snapshots import invocation, snapshot

from orchvynt.language.alike import Marking
from orchvynt.language.snapshot import Expression, Gate, Rule, Snapshot
from orchvynt.model.invocation import Claims, Invocation


def reading(*names: str) -> Snapshot:
    return msgspec.structs.replace(snapshot(), rules=(Rule("r", Expression("…", lambda _: True, frozenset(names)), use="gpt"),), version=3)


def said(**claims: object) -> Invocation:
    return invocation(claims=msgspec.convert(claims, Claims))


def test_what_no_condition_reads_does_not_tell_two_apart() -> None:
    marking = Marking(reading("workflow"))
    assert marking.mark(said(workflow="a", agent="x")) == marking.mark(said(workflow="a", agent="y"))
    assert marking.mark(said(workflow="a")) != marking.mark(said(workflow="b"))


@pytest.mark.parametrize(
    "other",
    [
        invocation("claude"),
        invocation(stream=True),
        said(min_quality=0.5),
        msgspec.structs.replace(invocation(), key="docs"),
        msgspec.structs.replace(invocation(), ask=msgspec.structs.replace(invocation().ask, tool_names=("pay",))),
        msgspec.structs.replace(invocation(), ask=msgspec.structs.replace(invocation().ask, image_count=1)),
        msgspec.structs.replace(invocation(), ask=msgspec.structs.replace(invocation().ask, wants_json_schema=True)),
    ],
)
def test_what_plans_hang_on_always_tells_two_apart(other: Invocation) -> None:
    marking = Marking(snapshot())
    assert marking.mark(invocation()) is not None
    assert marking.mark(other) != marking.mark(invocation())


@pytest.mark.parametrize("name", ["now.hour", "now.weekday", "input.text", "input.bytes", "input.tokens_bound", "input.detected.email"])
def test_there_is_no_mark_where_something_differs_from_call_to_call(name: str) -> None:
    assert Marking(reading("workflow", name)).mark(invocation()) is None


def test_contexts_are_alike_where_there_is_none() -> None:
    marking = Marking(reading("context"))
    assert marking.mark(said()) == marking.mark(said(agent="x"))
    assert marking.mark(said(context={"tier": "gold"})) is None
    assert Marking(reading("workflow")).mark(said(context={"tier": "gold"})) is not None, "nobody reads it"


def test_what_only_an_answer_says_is_no_part_of_it() -> None:
    gate = Gate(
        "g", "output", Expression("…", lambda _: True, frozenset({"output.text", "output.detected.email", "agent"})), "people", False, None
    )
    marking = Marking(snapshot(gates=(gate,)))
    assert marking.mark(said(agent="x")) != marking.mark(said(agent="y"))
