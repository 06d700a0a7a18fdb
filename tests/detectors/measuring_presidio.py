"""Measures Presidio on the data that our own detectors are measured on, by patterns alone, as a policy without a model has it."""

import queue
from pathlib import Path
from typing import Final

import msgspec
from tests.detectors.measuring import FOLDER, Measure, cases

from orchvynt.adapters.presidio.apart import LookingApart
from orchvynt.language.compiled_gates import Presidio
from orchvynt.ports.looking import Looked

TABLE: Final[Path] = FOLDER / "presidio_measured.tsv"
HEAD: Final = "# Written by tests/detectors/measuring_presidio.py where the extra is installed: kind, source, found, missed, mistaken, left"
KINDS: Final[dict[str, tuple[str, ...]]] = {
    "credit_card": ("CREDIT_CARD",),
    "email": ("EMAIL_ADDRESS",),
    "phone": ("PHONE_NUMBER",),
    "us_ssn": ("US_SSN",),
    "ip_address": ("IP_ADDRESS",),
    "iban": ("IBAN_CODE",),
    "de_tax_id": ("DE_TAX_ID",),
    "es_dni": ("ES_NIF", "ES_NIE"),
    "it_codice_fiscale": ("IT_FISCAL_CODE",),
    "pl_pesel": ("PL_PESEL",),
    "in_aadhaar": ("IN_AADHAAR",),
    "ca_sin": ("CA_SIN",),
}
"""Ours, and what Presidio calls the same."""
TERMS: Final = Presidio(within_ns=120_000_000_000)


def measured() -> list[Measure]:
    """Every kind that both know, in every source, in the order of the files."""
    heard: queue.Queue[Looked] = queue.Queue()
    apart = LookingApart(lambda over, found: over(found), print)
    made: dict[tuple[str, str], Measure] = {}
    try:
        for source, kind, is_there, text in cases():
            asked = KINDS.get(kind.partition(":")[0])
            if asked is None:
                continue
            apart.look(TERMS, asked, text, heard.put)
            found = heard.get(timeout=300)
            assert not found.problem, found.problem
            made.setdefault((kind, source), Measure(kind, source)).note(is_there, any(found.found.values()))
    finally:
        apart.close()
    return list(made.values())


def table(measures: list[Measure]) -> str:
    return "\n".join([HEAD, *("\t".join(map(str, msgspec.structs.astuple(one))) for one in measures)]) + "\n"


def stored() -> list[Measure]:
    rows = [line.split("\t") for line in TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return [Measure(kind, source, *map(int, counts)) for kind, source, *counts in rows]


if __name__ == "__main__":
    TABLE.write_text(table(measured()), encoding="utf-8")
