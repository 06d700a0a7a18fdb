"""The share that a gate looks at: right within what chance allows, the same for the same invocation, and each gate's own."""

from math import sqrt

from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.decisions.gates.sampling import drawn
from orchvynt.language.compiled_gates import ALL
from orchvynt.language.snapshot import Gate

MANY = 20_000


def gate(share: int, name: str = "g") -> Gate:
    return Gate(name, "output", None, "people", False, None, sample=share)


@settings(max_examples=12, deadline=None)
@given(share=st.integers(1, ALL - 1), name=st.text(min_size=1, max_size=20))
def test_the_share_is_right_and_a_draw_is_repeated(share: int, name: str) -> None:
    one = gate(share, name)
    found = [drawn(one, f"inv_{number}") for number in range(MANY)]
    expected, spread = MANY * share / ALL, sqrt(MANY * share / ALL * (1 - share / ALL))
    # Six standard deviations: once in 500 million.
    assert abs(sum(found) - expected) <= 6 * spread + 1
    assert found[:100] == [drawn(one, f"inv_{number}") for number in range(100)]


def test_all_and_none() -> None:
    assert all(drawn(gate(ALL), f"inv_{number}") for number in range(100))
    assert not any(drawn(gate(0), f"inv_{number}") for number in range(100))


def test_a_larger_share_holds_the_smaller_one_and_gates_draw_apart() -> None:
    few = {number for number in range(2_000) if drawn(gate(500), f"inv_{number}")}
    more = {number for number in range(2_000) if drawn(gate(2_000), f"inv_{number}")}
    other = {number for number in range(2_000) if drawn(gate(500, "other"), f"inv_{number}")}
    assert few < more
    assert few != other
