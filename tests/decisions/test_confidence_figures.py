"""How sure an answer is, read of the answer: nothing raises, and every figure is from 0 to 1."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchvynt.decisions.confidence.figures import of_json, of_logprobs
from orchvynt.decisions.confidence.pointers import ABSENT, look_up
from orchvynt.model.chat import TokenLogprob


def tokens(*logprobs: float) -> list[TokenLogprob]:
    return [TokenLogprob("a", one) for one in logprobs]


def test_the_geometric_mean_of_the_tokens() -> None:
    assert of_logprobs(tokens(math.log(0.9), math.log(0.4))).value == pytest.approx(math.sqrt(0.9 * 0.4))


def test_its_length_takes_nothing_away() -> None:
    assert of_logprobs(tokens(*[math.log(0.8)] * 500)).value == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("logprobs", "value"),
    [((), None), ((math.nan,), None), ((math.inf,), None), ((-math.inf, 0.0), 0.0), ((1e-9,), 1.0), ((-9999.0,), 0.0)],
)
def test_odd_ones(logprobs: tuple[float, ...], value: float | None) -> None:
    found = of_logprobs(tokens(*logprobs))
    assert found.value == value
    assert bool(found.why) == (value is None)


@given(st.lists(st.floats(), max_size=20))
def test_every_list_gives_a_share_or_says_why(logprobs: list[float]) -> None:
    found = of_logprobs(tokens(*logprobs))
    assert found.why if found.value is None else 0 <= found.value <= 1


# RFC 6901, section 5.
RFC = {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, 'k"l': 6, " ": 7, "m~n": 8}
EXAMPLES = [
    ("/foo", ["bar", "baz"]), ("/foo/0", "bar"), ("/", 0), ("/a~1b", 1), ("/c%d", 2), ("/e^f", 3), ("/g|h", 4), ("/i\\j", 5), ('/k"l', 6),
    ("/ ", 7), ("/m~0n", 8), ("/foo/-", ABSENT), ("/foo/01", ABSENT), ("/foo/2", ABSENT), ("/foo/0/0", ABSENT), ("/foo/+1", ABSENT),
]  # fmt: skip


@pytest.mark.parametrize(("pointer", "value"), EXAMPLES)
def test_the_examples_of_the_standard(pointer: str, value: object) -> None:
    assert look_up(RFC, pointer) is value or look_up(RFC, pointer) == value


JSON = st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(JSON, st.text())
def test_no_pointer_raises(value: object, pointer: str) -> None:
    look_up(value, f"/{pointer}")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"sure": 0.5}', 0.5), ('{"sure": 1}', 1.0), ('{"sure": 0}', 0.0), ('{"sure": 1.01}', None), ('{"sure": -0.1}', None),
        ('{"sure": true}', None), ('{"sure": "0.5"}', None), ('{"sure": null}', None), ("{}", None), ("[0.5]", None), ("words", None),
        ("[" * 100_000, None), ('{"sure": 1e999}', None), ('"\ud800"', None),
    ],
)  # fmt: skip
def test_a_number_in_json(text: str, value: float | None) -> None:
    found = of_json(text, "/sure")
    assert (found.value, bool(found.why)) == (value, value is None)


@given(st.text(), st.text())
def test_no_answer_raises(text: str, pointer: str) -> None:
    of_json(text, f"/{pointer}")
