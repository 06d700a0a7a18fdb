"""Check digits agree with python-stdnum, which others wrote, on what is valid and on what is not."""

import pytest
import stdnum.br.cpf
import stdnum.ca.sin
import stdnum.de.idnr
import stdnum.es.dni
import stdnum.fr.nir
import stdnum.iban
import stdnum.iso7064.mod_11_10
import stdnum.it.codicefiscale
import stdnum.luhn
import stdnum.nl.bsn
import stdnum.pl.pesel
import stdnum.verhoeff
from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.detectors.check_digits import luhn, mod_11_10, verhoeff
from orchvynt.detectors.scanning import Scan

DIGITS = st.text("0123456789", min_size=2, max_size=24)


@given(DIGITS)
@settings(max_examples=200, deadline=None)
def test_luhn_verhoeff_and_iso_7064(digits: str) -> None:
    assert luhn(digits) is stdnum.luhn.is_valid(digits)
    assert verhoeff(digits) is stdnum.verhoeff.is_valid(digits)
    assert mod_11_10(digits) is stdnum.iso7064.mod_11_10.is_valid(digits)


SCHEMES = [
    ("br_cpf", 11, stdnum.br.cpf.is_valid),
    ("de_tax_id", 11, stdnum.de.idnr.is_valid),
    ("pl_pesel", 11, stdnum.pl.pesel.is_valid),
    ("nl_bsn", 9, stdnum.nl.bsn.is_valid),
    ("fr_nir", 15, stdnum.fr.nir.is_valid),
]


@pytest.mark.parametrize(("kind", "length", "is_valid"), SCHEMES, ids=[case[0] for case in SCHEMES])
def test_numbers_of_a_scheme(kind: str, length: int, is_valid) -> None:  # type: ignore[no-untyped-def]
    @given(st.integers(1, 10 ** (length - 2) - 1))
    @settings(max_examples=25, deadline=None)
    def agree(stem: int) -> None:
        for check in range(100):
            number = f"{stem:0{length - 2}}{check:02}"
            # What we hold to be one, others do too; ours also asks for dates and for how often a digit may stand.
            if Scan(number).count(kind):
                assert is_valid(number), number

    agree()


@given(st.integers(0, 99_999_999))
@settings(max_examples=100, deadline=None)
def test_the_letter_of_a_dni(number: int) -> None:
    digits = f"{number:08}"
    found = [letter for letter in "ABCDEFGHJKLMNPQRSTVWXYZ" if Scan(f"DNI {digits}{letter}.").count("es_dni")]
    assert found == [stdnum.es.dni.calc_check_digit(digits)]


@given(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=6, max_size=6), st.integers(0, 99), st.integers(1, 31), st.integers(0, 999))
@settings(max_examples=60, deadline=None)
def test_the_letter_of_a_codice_fiscale(name: str, year: int, day: int, town: int) -> None:
    stem = f"{name}{year:02}A{day:02}H{town:03}"
    found = [letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if Scan(f"cf: {stem}{letter}").count("it_codice_fiscale")]
    assert found == [stdnum.it.codicefiscale.calc_check_digit(stem)]
