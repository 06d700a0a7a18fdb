"""Any text is looked through in bounded work, and counts are what they are whatever was asked before."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.detectors.effort import EFFORT_MAX, Effort, TooMuchError
from orchvynt.detectors.kinds import ANSWER_KINDS, KINDS, NATIONAL, PERSONAL
from orchvynt.detectors.scanning import Scan

TEXT_KINDS = [kind for kind in KINDS if kind not in ANSWER_KINDS]
PIECES = [
    *(
        "4111 1111 1111 1111",
        "DE89 3704 0044 0532 0130 00",
        "a@b.co",
        "+49 30 1234567",
        "1.2.3.4",
        "AB123456C",
        "\u200b",
        "٣",
        "\\u0034",
        "2B",
        "X",
    ),
    *("password: ", "sk-", "eyJ", "@", ":", "::", ".", "-", " ", "\n", "(", ")", "0", "1", "7", "é", "日", "\ud800", "\\", "Z", "="),
]
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=40).map("".join)


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_any_text_gives_an_answer(text: str) -> None:
    scan = Scan(text)
    counts = {kind: scan.count(kind) for kind in TEXT_KINDS}
    assert all(0 <= found <= len(text) for found in counts.values())
    assert counts["national_id"] == sum(counts[kind] for kind in NATIONAL)
    again = Scan(text)
    assert {kind: again.count(kind) for kind in reversed(TEXT_KINDS)} == counts


@given(
    TEXTS,
    st.sampled_from(["4111 1111 1111 1111", "DE89370400440532013000", "ana@example.com", "+49 30 1234567", "390.533.447-05", "AB123456C"]),
    TEXTS,
)
@settings(max_examples=200, deadline=None)
def test_what_is_there_is_found_between_any_others(before: str, there: str, after: str) -> None:
    # A letter or digit that touches it may make it part of something longer; a sentence's end does not.
    text = f"{before}; {there}; {after}"
    assert any(Scan(text).count(kind) for kind in PERSONAL)


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "4",
            "4 ",
            "4111 1111 1111 1112 ",
            "DE89 ",
            "x1",
            "a@",
            "a" * 63 + "@",
            ":",
            ":a",
            "1:1:",
            "1.1.",
            "1(",
            "+49 ",
            "-",
            "A-1",
            "2A",
            "\\u0041",
        ),
        *(
            "٤",
            "4\u200b",
            "password=",
            "password: a8Kd03LmZq7 ",
            "sk-",
            "eyJ",
            "https://a:b@",
            "AB 12 ",
            "X1234567",
            "12345678Z ",
            "@" * 9,
            "0 0 0 ",
        ),
    ],
)
def test_no_text_costs_more_than_its_bound(piece: str) -> None:
    text = (piece * (1 << 20))[: 1 << 20]
    for kind in TEXT_KINDS:
        scan = Scan(text)
        try:
            scan.count(kind)
        except TooMuchError:
            assert scan.effort.left < 0
        else:
            assert 0 <= scan.effort.left <= EFFORT_MAX


def test_what_is_too_much_stays_too_much() -> None:
    scan = Scan("4111 1111 1111 1112 " * 20, Effort(10))
    for _ in range(2):
        with pytest.raises(TooMuchError):
            scan.count("credit_card")


def test_usual_texts_of_a_megabyte_are_looked_through() -> None:
    text = "The report of 2026 says that revenue rose by 12.5 % to 3,400,000 USD; write to ana@example.com by 2026-11-30. " * 9000
    scan = Scan(text)
    assert scan.count("email") == 9000
    assert scan.count("credit_card") == 0
