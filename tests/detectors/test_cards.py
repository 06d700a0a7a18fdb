"""Card numbers are found in whatever shape and surrounding, and no others."""

import pytest
import stdnum.luhn
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from orchvynt.detectors.scanning import Scan

# Published test numbers: Stripe, PayPal, Adyen.
PUBLISHED = [
    *("4242424242424242", "4000056655665556", "5555555555554444", "2223003122003222", "5200828282828210", "5105105105105100"),
    *("378282246310005", "371449635398431", "6011111111111117", "6011000990139424", "3056930009020004", "36227206271667"),
    *("3566002020360505", "6200000000000005", "6205500000000000004", "4222222222222", "30569309025904", "38520000023237"),
    *("6759649826438453", "5019717010103742", "2201382000000013", "9792030394440796"),
]
SURROUNDINGS = ["{}", "card {}.", "({})", '"{}"', "x{}y", "=\n{}\n", "#{},12/27", "卡号{}。", "{} and more", "no:{}", "a\t{}\tb"]


def count(text: str) -> int:
    return Scan(text).count("credit_card")


@pytest.mark.parametrize("number", PUBLISHED)
def test_published_numbers(number: str) -> None:
    assert count(f"The card is {number}.") == 1
    changed = number[:-1] + str((int(number[-1]) + 1) % 10)
    assert count(f"The card is {changed}.") == 0


@pytest.mark.parametrize(
    "text",
    [
        *("4111 1111 1111 1111", "4111-1111-1111-1111", "4111.1111.1111.1111", "4111/1111/1111/1111", "4111  1111  1111  1111"),
        *("4111 - 1111 - 1111 - 1111", "4111_1111_1111_1111", "4111-1111 11111111", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "41111111 11111111"),
        *(
            "3782 822463 10005",
            "3056 930902 5904",
            "4111 1111\n1111 1111",
            "411111\n1111111111",
            "4111 11\n11 1111 1111",
            "４１１１１１１１１１１１１１１１",
        ),
        *(
            "٤١١١ ١١١١ ١١١١ ١١١١",
            "4111\u200b1111\u20601111\ufeff1111",
            "4111\u00a01111\u20091111\u30001111",
            "4111–1111—1111‑1111",
            "4111\u00ad111111111111",
        ),
        *(
            "2026 4111 1111 1111 1111 12/27 123",
            "4111111111111111,50",
            '{"n": "4111\\u00201111 1111 1111"}',
            '{"a":"x\\n4111111111111111"}',
        ),
    ],
)
def test_shapes_in_which_people_write_them(text: str) -> None:
    assert count(text) == 1


@pytest.mark.parametrize(
    "text",
    [
        *("4111 1111 1111 1112", "0.4111111111111111", "41111111111111111", "4111 1111 1111", "1234567890123456", "a1b4111111111111111c2"),
        *("4111, 1111, 1111, 1111", "4 111 11 1111 1111 11", "0000 0000 0000 0000", "", "4111", "2026-11-30 10:20:30.411111"),
    ],
)
def test_what_is_none(text: str) -> None:
    assert count(text) == 0


def test_each_is_counted() -> None:
    assert count("4111111111111111 5555-5555-5555-4444 and 378282246310005") == 3


@given(st.sampled_from(["4", "51", "55", "2221", "2720", "6011", "65", "3528", "62"]), st.integers(0), st.sampled_from(SURROUNDINGS))
@settings(max_examples=150, deadline=None)
def test_every_valid_number_is_found_whatever_surrounds_it(prefix: str, rest: int, surrounding: str) -> None:
    stem = (prefix + str(rest).zfill(16))[:15]
    assume(stem.startswith(prefix))
    number = stem + stdnum.luhn.calc_check_digit(stem)
    assert count(surrounding.format(number)) == 1
    assert count(surrounding.format(" ".join(number[at : at + 4] for at in range(0, 16, 4)))) == 1
    changed = stem + str((int(number[-1]) + 3) % 10)
    assert count(surrounding.format(changed)) == 0
