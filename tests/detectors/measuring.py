"""Measures the detectors on public data (tests/data/detectors): how much of what is there is found, how much of what is found is there."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from orchvynt.detectors.refusals import declines
from orchvynt.detectors.scanning import Scan

FOLDER: Final = Path(__file__).parents[1] / "data" / "detectors"
SOURCES: Final = {
    "presidio": "[presidio](https://github.com/microsoft/presidio)'s tests",
    "stdnum": "[python-stdnum](https://arthurdejong.org/python-stdnum/)'s documentation",
    "phonenumbers": "[libphonenumber](https://github.com/google/libphonenumber)'s example numbers",
    "detect_secrets": "[detect-secrets](https://github.com/Yelp/detect-secrets)'s tests",
    "xstest": "[XSTest](https://github.com/paul-rottger/exaggerated-safety)'s answers",
}
FORMS: Final = {
    "phone: international": "Reach us at {international}.",
    "phone: national": "Reach us at {national}.",
    "phone: national, behind `phone:`": "phone: {national}",
}
FLOORS: Final = {
    "iban": (1.0, 1.0),
    "credit_card": (1.0, 1.0),
    "email": (1.0, 1.0),
    "phone": (1.0, 1.0),
    "phone: international": (0.98, 1.0),
    "phone: national": (0.5, 1.0),
    "phone: national, behind `phone:`": (0.92, 1.0),
    "ip_address": (0.93, 1.0),
    "us_ssn": (0.75, 1.0),
    "secret": (0.76, 1.0),
    "refusal": (0.75, 0.6),
}
"""The least recall and precision; kinds that are not named must have both whole."""


class Measure(msgspec.Struct):
    """What came of one kind in one source. Precision is 1 where nothing was found that is not there."""

    kind: str
    source: str
    found: int = 0
    missed: int = 0
    mistaken: int = 0
    left: int = 0

    @property
    def recall(self) -> float:
        return self.found / max(self.found + self.missed, 1)

    @property
    def precision(self) -> float:
        return self.found / max(self.found + self.mistaken, 1)

    def note(self, is_there: bool, is_found: bool) -> None:
        if is_there:
            self.found, self.missed = self.found + is_found, self.missed + (not is_found)
        else:
            self.mistaken, self.left = self.mistaken + is_found, self.left + (not is_found)


def measured() -> list[Measure]:
    """Every kind in every source, in the order of the files."""
    made: dict[tuple[str, str], Measure] = {}
    for source, kind, is_there, text in cases():
        measure = made.setdefault((kind, source), Measure(kind, source))
        measure.note(is_there, declines(text) if kind == "refusal" else Scan(text).count(kind.partition(":")[0]) > 0)
    return list(made.values())


def cases() -> Iterator[tuple[str, str, bool, str]]:
    """Source, kind, whether it is there, the text."""
    for source in SOURCES:
        for line in (FOLDER / f"{source}.tsv").read_text(encoding="utf-8").splitlines():
            if line.startswith("#"):
                continue
            first, second, third = line.split("\t")
            if source == "phonenumbers":
                for kind, form in FORMS.items():
                    yield source, kind, True, form.format(international=second, national=third)
            else:
                yield source, first, second == "1", json.loads(third)
