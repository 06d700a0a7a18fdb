"""Telephone numbers in their international and national forms, and what looks like them and is none."""

import pytest

from orchvynt.detectors.scanning import Scan


def count(text: str) -> int:
    return Scan(text).count("phone")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "+49 30 1234567",
            "+1 (415) 555-0132",
            "+44 (0)20 7946 0958",
            "+33 1 23 45 67 89",
            "0049 30 1234567",
            "+919876543210",
            "+81-3-1234-5678",
        ),
        *(
            "(415) 555-0132",
            "415-555-0132",
            "415.555.0132",
            "1-800-555-0199",
            "030 1234567",
            "030/1234567",
            "01 23 45 67 89",
            "02079460958",
        ),
        *("020 7946 0958", "(11) 98765-4321", "13812345678", "138 1234 5678", "phone: 612 34 56 78", "Tel. 2345678", "WhatsApp 9876543210"),
        *("téléphone 612345678", "电话 2345678", "call me at 5550132 99", "+49\u00a030\u00a01234567", "٠٢٠ ٧٩٤٦ ٠٩٥٨", "＋49 30 1234567"),
    ],
)
def test_numbers(text: str) -> None:
    assert count(text) == 1


@pytest.mark.parametrize(
    "text",
    [
        *("2026-11-30", "30.11.2026 10:20", "phone released 2026-11-30", "1234567", "3,400,000", "0.0123456789", "+999 12345678", "+49 12"),
        *("192.168.100.200", "000 000 0000", "111-222-3333 4", "123-45-6789", "1700000000", "(1999) 1234567", "order 98765432", ""),
    ],
)
def test_what_is_none(text: str) -> None:
    assert count(text) == 0
