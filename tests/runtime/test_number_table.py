"""A table of numbers does what a dict does, in few bytes."""

import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.runtime.number_table import NumberTable, key_of

# Few bits, so that keys share buckets, and bytes of one stand within another's.
KEYS = st.one_of(st.integers(0, 40), st.sampled_from([0, 1, 256, 1 << 32, 1 << 56, (1 << 64) - 1]), st.integers(0, (1 << 64) - 1))


@settings(max_examples=100)
@given(st.lists(st.tuples(KEYS, st.integers(0, (1 << 32) - 1)), max_size=200))
def test_it_finds_what_a_dict_finds(put: list[tuple[int, int]]) -> None:
    table, known = NumberTable(), dict[int, int]()
    for key, number in put:
        table.put(key, number)
        known[key] = number
        assert table.get(key) == number
    assert {key: table.get(key) for key in known} == known
    assert len(table) == sum(number > 0 for number in known.values())


def test_thousands_take_few_bytes_each_and_are_all_found_and_taken_out() -> None:
    table = NumberTable()
    keys = [key_of(f"inv_{number}") for number in range(5_000)]
    for number, key in enumerate(keys, 1):
        table.put(key, number)
    assert [table.get(key) for key in keys] == list(range(1, 5_001))
    assert table.get(key_of("inv_of nobody")) == 0
    size = sys.getsizeof(table._buckets) + sum(map(sys.getsizeof, table._buckets))
    assert size / len(keys) < 20
    for key in keys:
        table.put(key, 0)
    assert len(table) == 0
    assert not any(table._buckets)
