"""National numbers of digits alone: each by its own check, in the shapes in which people write them."""

import pytest

from orchvynt.detectors.scanning import Scan

# Examples of the issuing authorities and of the Wikipedia pages on the schemes.
VALID = [
    *(("us_ssn", "536-90-4399"), ("us_ssn", "536 90 4399"), ("us_ssn", "SSN: 536904399"), ("us_ssn", "Social Security no. 536904399")),
    *(("de_tax_id", "36574261809"), ("de_tax_id", "36 574 261 809"), ("de_tax_id", "86095742719"), ("fr_nir", "295109912611193")),
    *(
        ("fr_nir", "2 95 10 99 126 111 93"),
        ("nl_bsn", "111222333"),
        ("nl_bsn", "1112.22.333"),
        ("nl_bsn", "123456782"),
        ("pl_pesel", "44051401359"),
    ),
    *(("pl_pesel", "440514 01359"), ("br_cpf", "390.533.447-05"), ("br_cpf", "39053344705"), ("in_aadhaar", "2341 2341 2346")),
    *(("in_aadhaar", "234123412346"), ("ca_sin", "123-456-782"), ("ch_ahv", "756.9217.0769.85"), ("ch_ahv", "7569217076985")),
]
INVALID = [
    *(
        ("us_ssn", "000-12-3456"),
        ("us_ssn", "666-12-3456"),
        ("us_ssn", "912-12-3456"),
        ("us_ssn", "123-00-4567"),
        ("us_ssn", "123-45-0000"),
    ),
    *(
        ("us_ssn", "078-05-1120"),
        ("us_ssn", "536904399"),
        ("us_ssn", "536-90.4399"),
        ("de_tax_id", "36574261890"),
        ("de_tax_id", "00000000000"),
    ),
    *(
        ("de_tax_id", "11111111111"),
        ("fr_nir", "295109912611199"),
        ("nl_bsn", "111222334"),
        ("nl_bsn", "000000000"),
        ("pl_pesel", "44051401358"),
    ),
    *(("pl_pesel", "44133201357"), ("br_cpf", "111.111.111-11"), ("br_cpf", "390.533.447-06"), ("in_aadhaar", "234123412347")),
    *(
        ("in_aadhaar", "123412341234"),
        ("ca_sin", "123-456-783"),
        ("ca_sin", "823-456-785"),
        ("ca_sin", "046 454 286"),
        ("ch_ahv", "756.9217.0769.84"),
    ),
]


@pytest.mark.parametrize(("kind", "text"), VALID, ids=[f"{kind}-{text}" for kind, text in VALID])
@pytest.mark.parametrize("surrounding", ["{}", "id {}.", "({})", '"{}"', "x{}y", "号{}。"])
def test_valid_ones_are_found_whatever_surrounds_them(kind: str, text: str, surrounding: str) -> None:
    if surrounding == "x{}y" and not text[0].isdigit():
        return
    assert Scan(surrounding.format(text)).count(kind) == 1
    assert Scan(surrounding.format(text)).count("national_id") >= 1


@pytest.mark.parametrize(("kind", "text"), INVALID, ids=[f"{kind}-{text}" for kind, text in INVALID])
def test_invalid_ones_are_not(kind: str, text: str) -> None:
    assert Scan(f"id {text}.").count(kind) == 0


def test_what_a_line_cuts_through_is_one_number() -> None:
    assert Scan("39053\n344705").count("br_cpf") == 1
    assert Scan("١١١٢٢٢٣٣٣").count("nl_bsn") == 1
