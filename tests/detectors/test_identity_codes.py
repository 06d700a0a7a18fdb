"""National numbers that hold letters: each by its own check, in the shapes in which people write them."""

import pytest

from orchvynt.detectors.scanning import Scan

VALID = [
    *(
        ("uk_nino", "AB123456C"),
        ("uk_nino", "AB 12 34 56 C"),
        ("uk_nino", "ab-12-34-56-d"),
        ("es_dni", "12345678Z"),
        ("es_dni", "12.345.678-Z"),
    ),
    *(("es_dni", "12345678 z"), ("es_dni", "X1234567L"), ("es_dni", "X-1234567-L"), ("es_dni", "y2345678z"), ("fr_nir", "253072B07300470")),
    *(("fr_nir", "2 53 07 2B 073 004 70"), ("fr_nir", "253072A07300443"), ("it_codice_fiscale", "RSSMRA85T10A562S")),
    *(("it_codice_fiscale", "RSS MRA 85T10 A562S"), ("it_codice_fiscale", "rssmra85t10a562s")),
]
INVALID = [
    *(("uk_nino", "QQ123456C"), ("uk_nino", "GB123456C"), ("uk_nino", "AO123456C"), ("uk_nino", "AB123456E"), ("uk_nino", "AB12345C")),
    *(
        ("es_dni", "12345678A"),
        ("es_dni", "X1234567M"),
        ("es_dni", "12345678Zs"),
        ("fr_nir", "253072B07300471"),
        ("fr_nir", "253072C07300443"),
    ),
    *(("it_codice_fiscale", "RSSMRA85T10A562T"), ("it_codice_fiscale", "RSSMRA85F10A562S"), ("it_codice_fiscale", "RSSMRA85T39A562S")),
]


@pytest.mark.parametrize(("kind", "text"), VALID, ids=[f"{kind}-{text}" for kind, text in VALID])
@pytest.mark.parametrize("surrounding", ["{}", "id {}.", "({})", '"{}"', "号{}。", "n:{}\n"])
def test_valid_ones_are_found_whatever_surrounds_them(kind: str, text: str, surrounding: str) -> None:
    assert Scan(surrounding.format(text)).count(kind) == 1


@pytest.mark.parametrize(("kind", "text"), INVALID, ids=[f"{kind}-{text}" for kind, text in INVALID])
def test_invalid_ones_are_not(kind: str, text: str) -> None:
    assert Scan(f"id {text}.").count(kind) == 0
