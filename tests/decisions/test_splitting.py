"""Splits: the same value always on the same side, shares kept, and a changed share moving that share and no more."""

import math
import subprocess
import sys
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.decisions.routing_policies import asking, expression, names, planned, policy, rule

from orchvynt.decisions.routing.splitting import draw
from orchvynt.language.snapshot import Split
from orchvynt.model.invocation import Claims

VALUES = [f"run-{number}" for number in range(3_000)]


def split(sticky: str = "", **shares: int) -> Split:
    return Split(tuple((name, share * 100) for name, share in shares.items()), expression(sticky, "sticky", "scalar") if sticky else None)


def sides(shares: dict[str, int], salt: str = "rule") -> list[str]:
    return [draw(salt, tuple(shares.items()), value)[0] for value in VALUES]


def near(count: int, share: float) -> bool:
    """Within five standard deviations of a draw of that share."""
    expected = share * len(VALUES)
    return abs(count - expected) <= 5 * math.sqrt(expected * (1 - share)) + 1


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 100), st.integers(0, 100), st.text(max_size=5))
def test_between_two_sides_exactly_the_changed_share_moves(before: int, after: int, salt: str) -> None:
    first, second = sides({"a": before * 100, "b": (100 - before) * 100}, salt), sides({"a": after * 100, "b": (100 - after) * 100}, salt)
    moved = Counter((one, other) for one, other in zip(first, second, strict=True) if one != other)
    assert set(moved) <= {("b", "a") if after > before else ("a", "b")}
    assert near(sum(moved.values()), abs(after - before) / 100)
    assert near(second.count("a"), after / 100)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=3, max_size=5), st.data())
def test_among_more_sides_only_shrunken_ones_lose_and_only_grown_ones_win(weights: list[int], data: st.DataObject) -> None:
    """No scheme that knows only the shares can move less than `2d / (1 + d)` for a change of `d` in every case."""
    shares = {f"m{number}": weight * 100 for number, weight in enumerate(weights)}
    total = sum(shares.values())
    part = data.draw(st.integers(0, weights[0])) * 100
    changed = shares | {"m0": shares["m0"] - part, "m2": shares["m2"] + part}
    first, second = sides(shares), sides(changed)
    moved = Counter((one, other) for one, other in zip(first, second, strict=True) if one != other)
    assert all(one == "m0" or other == "m2" for one, other in moved)
    bound = 2 * (part / total) / (1 + part / total)
    assert sum(moved.values()) <= bound * len(VALUES) + 5 * math.sqrt(bound * len(VALUES)) + 1
    assert all(near(second.count(name), share / total) for name, share in changed.items())


def test_the_order_of_the_sides_means_nothing() -> None:
    assert sides({"a": 3_000, "b": 5_000, "c": 2_000}) == sides({"c": 2_000, "a": 3_000, "b": 5_000})


def test_two_rules_split_apart() -> None:
    same = sum(one == other for one, other in zip(sides({"a": 1, "b": 1}, "x"), sides({"a": 1, "b": 1}, "y"), strict=True))
    assert near(same, 0.5)


def test_a_side_of_nothing_gets_nothing() -> None:
    assert set(sides({"a": 0, "b": 10_000})) == {"b"}


def test_another_process_and_another_day_draw_the_same() -> None:
    """What was drawn before must be drawn after an upgrade, so the sides of some values stand here."""
    shares = (("gpt-4o", 7_000), ("claude", 3_000))
    drawn = "".join(draw("validate-claude", shares, f"run-{number}")[0][0] for number in range(40))
    code = (
        "from orchvynt.decisions.routing.splitting import draw;"
        f"print(''.join(draw('validate-claude', {shares!r}, f'run-{{n}}')[0][0] for n in range(40)))"
    )
    other = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    assert other.stdout.strip() == drawn
    assert drawn == "gccgggccgccggggggggcggcggccgggggggggggcg"


def test_a_run_stays_on_its_side_and_the_record_says_why() -> None:
    made = policy(rule("half", split=split("run", gpt=50, claude=50)))
    found = [planned(made, asking(claims=Claims(run=f"r{number % 20}"))).candidates[0] for number in range(100)]
    assert [one.model for one in found] == [one.model for one in found[:20]] * 5
    assert {one.model for one in found} == {"gpt", "claude"}
    assert {one.why for one in found} == {"rule half: the 50 % side, by run"}


def test_an_empty_value_splits_by_invocation_and_says_so() -> None:
    made = policy(rule("half", split=split("run", gpt=50, claude=50)))
    assert planned(made, asking()).candidates[0].why == "rule half: the 50 % side, by invocation, because run is empty"
    without = policy(rule("half", split=split(gpt=50, claude=50)))
    assert planned(without, asking()).candidates[0].why == "rule half: the 50 % side, by invocation"


def test_any_scalar_is_sticky_and_what_is_none_is_not() -> None:
    made = policy(rule("half", split=split("context.customer", gpt=50, claude=50)))
    by = {
        str(value): planned(made, asking(claims=Claims(context={"customer": value}))).candidates[0].why.partition(", by ")[2]
        for value in (7, 7.5, "x", True, None, [1], {"a": 1})
    }
    assert [text for text in by.values() if text == "context.customer"] == ["context.customer"] * 4
    assert by["None"].endswith("because context.customer is empty")
    assert by["[1]"].endswith("is neither text nor number")
    assert by["{'a': 1}"].endswith("is neither text nor number")


def test_a_side_that_may_not_be_asked_leaves_the_chain() -> None:
    found = planned(policy(rule("all", split=split(claude=100)), tiers=("gpt",)), asking(image_count=1))
    assert names(found) == ["gpt"]
