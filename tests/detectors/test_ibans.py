"""Bank accounts of every country are found in whatever surrounding; one changed digit makes them none."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.detectors import ibans as module
from orchvynt.detectors.scanning import Scan

SURROUNDINGS = ["{}", "IBAN: {}", "({})", '"{}",', "zu {} bis", "=\n{}\n", "账号{}。", "{}.", "{} BIC COBADEFF"]


def count(text: str) -> int:
    return Scan(text).count("iban")


@st.composite
def accounts(draw: st.DrawFn) -> str:
    """A valid account of some country."""
    country = draw(st.sampled_from(sorted(module._STRUCTURES)))
    chars = {"n": "0123456789", "a": "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "c": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
    account = "".join(draw(st.text(chars[kind], min_size=size, max_size=size)) for size, kind in module._STRUCTURES[country])
    digits = "".join(str(int(char, 36)) for char in f"{account}{country}00")
    return f"{country}{98 - int(digits) % 97:02}{account}"


@given(accounts(), st.sampled_from(SURROUNDINGS))
@settings(max_examples=200, deadline=None)
def test_every_valid_number_is_found_whatever_surrounds_it(iban: str, surrounding: str) -> None:
    assert count(surrounding.format(iban)) == 1
    assert count(surrounding.format(" ".join(iban[at : at + 4] for at in range(0, len(iban), 4)))) == 1
    check = f"{(int(iban[2:4]) + 1) % 100:02}"
    assert count(surrounding.format(iban[:2] + check + iban[4:])) == 0


@pytest.mark.parametrize(
    "text",
    [
        *("de89 3704 0044 0532 0130 00", "DE89-3704-0044-0532-0130-00", "DE89.3704.0044.0532.0130.00", "IBANDE89370400440532013000x"),
        *(
            "DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000",
            "DE89370400\n440532013000",
            "DE89\u200b370400440532013000",
            "ＤＥ89370400440532013000",
        ),
        *("NL91 ABNA 0417 1643 00 and more", "GB29 NWBK 6016 1331 9268 19"),
    ],
)
def test_shapes_in_which_people_write_them(text: str) -> None:
    assert count(text) == 1


@pytest.mark.parametrize(
    "text",
    ["De89 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130", "XX89370400440532013000", "1DE893704004405320130009", "ab12", "DE89"],
)
def test_what_is_none(text: str) -> None:
    assert count(text) == 0


def test_each_is_counted_once() -> None:
    assert count("DE89370400440532013000, AT611904300234573201 AT611904300234573201") == 3
