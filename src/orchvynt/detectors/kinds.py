"""The kinds that `detects` can be asked for: their names, what they find, and which of them are personal data."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

import msgspec

Group = Literal["personal", "national_id", "secret", "answer"]


class Kind(msgspec.Struct, frozen=True):
    """`check` says by what a finding is told from anything else. Kinds of group `national_id` are personal data, too; those of group
    `answer` exist where there is an answer."""

    name: str
    group: Group
    description: str
    check: str


_KINDS: Final = (
    Kind("credit_card", "personal", "numbers of payment cards", "the issuers' ranges and lengths, Luhn's check digit"),
    Kind("iban", "personal", "international bank account numbers", "each country's length and structure, ISO 13616's check digits"),
    Kind("email", "personal", "e-mail addresses", "RFC 5321's form, a domain with a top level"),
    Kind(
        "phone", "personal", "telephone numbers", "E.164's calling codes and lengths; national forms in use; a word such as `phone` before"
    ),
    Kind("ip_address", "personal", "IPv4 and IPv6 addresses", "the value of each part; no versions"),
    Kind("national_id", "personal", "any of the national identity numbers below", "as below"),
    Kind("us_ssn", "national_id", "US social security numbers", "the invalid ranges; separators, or a word such as `SSN` before"),
    Kind("uk_nino", "national_id", "British national insurance numbers", "the prefixes and suffixes in use"),
    Kind("de_tax_id", "national_id", "German Steuer-IDs", "ISO 7064 mod 11,10; how often each digit may stand"),
    Kind("fr_nir", "national_id", "French social security numbers (NIR)", "the key modulo 97; Corsica's 2A and 2B"),
    Kind("es_dni", "national_id", "Spanish DNI and NIE", "the letter modulo 23"),
    Kind("it_codice_fiscale", "national_id", "Italian codici fiscali", "the check letter; omocodia"),
    Kind("nl_bsn", "national_id", "Dutch citizen service numbers (BSN)", "the 11-proof"),
    Kind("pl_pesel", "national_id", "Polish PESEL numbers", "the weighted check digit, a date of birth"),
    Kind("br_cpf", "national_id", "Brazilian CPF numbers", "two check digits modulo 11"),
    Kind("in_aadhaar", "national_id", "Indian Aadhaar numbers", "Verhoeff's check digit"),
    Kind("ca_sin", "national_id", "Canadian social insurance numbers, written in threes", "Luhn's check digit"),
    Kind("ch_ahv", "national_id", "Swiss AHV numbers", "756 in front, EAN-13's check digit"),
    Kind(
        "secret", "secret", "keys, tokens, passwords and private keys", "the issuers' published formats; a word such as `password` before"
    ),
    Kind("refusal", "answer", "an answer that declines", "the provider's own field, its content filter, well-known words at the beginning"),
    Kind("schema_violation", "answer", "an answer that does not fit the JSON Schema that was asked for", "a validator of JSON Schema"),
)

KINDS: Final[Mapping[str, Kind]] = MappingProxyType({kind.name: kind for kind in _KINDS})
"""Every kind by its name."""

NATIONAL: Final = tuple(kind.name for kind in _KINDS if kind.group == "national_id")
PERSONAL: Final = tuple(kind.name for kind in _KINDS if kind.group == "personal")
"""What `detects()` looks for; `national_id` stands for all of its kinds."""

ANSWER_KINDS: Final = frozenset(kind.name for kind in _KINDS if kind.group == "answer")
