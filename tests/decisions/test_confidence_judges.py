"""What a judge is asked, and what of its words counts."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchvynt.decisions.confidence.judges import ANSWER_CHARS_MAX, case, verdict


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("0.8", 0.8), (" 1 ", 1.0), ("0", 0.0), (".5", 0.5), ("1.0", 1.0), ('{"confidence": 0.25}', 0.25),
        ('```json\n{"confidence": 1}\n```', 1.0),
        ("```\n0.5\n```", 0.5), ("1.5", None), ("-0.5", None), ("85%", None), ("", None), ("0.9, quite sure", None), ("nan", None),
        ('{"confidence": "0.9"}', None), ('{"confidence": true}', None), ('{"confidence": 2}', None),
        ('{"confidence": 0.9, "approve": 1}', None),
        ("[0.9]", None), ("٠.٩", None), ("0.9" + " " * 2_000, None), ("1e0", None), ('{"confidence": 1e999}', None),
    ],
)  # fmt: skip
def test_only_a_number_counts(said: str, value: float | None) -> None:
    found = verdict(said)
    assert (found.value, bool(found.why)) == (value, value is None)


@given(st.text() | st.floats().map(str) | st.integers().map(str) | st.floats().map(lambda one: json.dumps({"confidence": one})))
def test_no_words_raise_and_every_number_is_a_share(said: str) -> None:
    found = verdict(said)
    assert found.why if found.value is None else 0 <= found.value <= 1


@given(st.text(), st.text())
def test_what_is_judged_stays_between_its_marks(request: str, answer: str) -> None:
    first, data, last = case(request, answer, [], "inv_1").split("\n")
    assert first == last
    assert first not in data
    told = json.loads(data)
    assert set(told) == {"request", "answer"}


def test_the_marks_are_new_each_time() -> None:
    assert case("a", "b", [], "inv_1").split("\n")[0] != case("a", "b", [], "inv_2").split("\n")[0]


def test_what_is_too_long_keeps_both_ends_and_says_so() -> None:
    text = json.loads(case("", "b" + "x" * 10 * ANSWER_CHARS_MAX + "e", [], "i").split("\n")[1])["answer"]
    assert text[0] == "b"
    assert text[-1] == "e"
    assert "characters are left out" in text
    assert len(text) < ANSWER_CHARS_MAX + 100


def test_calls_are_judged_too() -> None:
    told = json.loads(case("", "", [("pay", '{"sum": 5}')], "i").split("\n")[1])
    assert told["calls"] == [{"tool": "pay", "arguments": '{"sum": 5}'}]
