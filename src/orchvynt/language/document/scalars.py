"""The kinds of single values in the document: names, durations, amounts, secrets, choices. Each says what it accepts and why not."""

import difflib
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from orchvynt.language.document.section import NONE_LATER, not_yet, wrong
from orchvynt.language.masking import REFERENCE
from orchvynt.language.snapshot import SecretRef
from orchvynt.language.yaml_marks import YamlFloat
from orchvynt.model.money import NANOS_PER_USD

NAME_PATTERN: Final = r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,99}"
DURATION_PATTERN: Final = r"[0-9]+(\.[0-9]+)?(ms|s|m|h|d)"
MILLISECOND: Final = 1_000_000
SECOND: Final = 1_000_000_000
USD_MAX: Final = 1_000_000_000
TOKENS_MAX: Final = 1_000_000_000_000

_NAME = re.compile(NAME_PATTERN)
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h|d)")
_UNIT_NANOS: Final = {"ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86_400 * 10**9}
_DURATION_NANOS_MAX: Final = 3_660 * _UNIT_NANOS["d"]


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise wrong(
            f"`{value[:100]}` is not a name", "Names are up to 100 letters, digits and . _ : / @ + - and begin with a letter or a digit."
        )
    return value


def _duration(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        raise wrong(f"`{value}` has no unit", f"Write {value}s or {value}ms.")
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise wrong(f"{shown(value)} is not a duration", "Write a number and a unit: 250ms, 8s, 5m, 2h, 1d.")
    nanos = Decimal(match[1]) * _UNIT_NANOS[match[2]]
    if nanos > _DURATION_NANOS_MAX:
        raise wrong(f"`{value}` is longer than ten years")
    return int(nanos)


def _positive(value: int) -> int:
    if value <= 0:
        raise wrong("the duration must be more than zero")
    return value


def duration_text(nanos: int) -> str:
    """The shortest way to write a duration: 90000000000 → `90s`."""
    for unit in ("d", "h", "m", "s"):
        if nanos and nanos % _UNIT_NANOS[unit] == 0:
            return f"{nanos // _UNIT_NANOS[unit]}{unit}"
    return f"{(Decimal(nanos) / _UNIT_NANOS['ms']).normalize():f}ms" if nanos else "0s"


def _decimal(value: object) -> Decimal:
    """A number as the file writes it; no float on the way."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, YamlFloat)):
        raise wrong(f"{shown(value)} is not a number", "Write a plain number of dollars, without quotes or a currency sign.")
    try:
        return Decimal(value.text if isinstance(value, YamlFloat) else value)
    except InvalidOperation:
        raise wrong(f"{shown(value)} is not a number") from None


def _usd(value: object) -> Decimal:
    amount = _decimal(value)
    if amount <= 0:
        raise wrong("a limit must be more than zero", "To stop all spending, remove the models or set another rule.")
    if amount > USD_MAX:
        raise wrong(f"a limit of more than {USD_MAX:,} USD cannot be meant")
    return _whole_nanos(amount)


def _rate(value: object) -> Decimal:
    rate = _decimal(value)
    if rate < 0:
        raise wrong("a price cannot be negative")
    if rate > USD_MAX:
        raise wrong(f"a price of more than {USD_MAX:,} USD per million tokens cannot be meant")
    return _whole_nanos(rate)


def _whole_nanos(amount: Decimal) -> Decimal:
    nanos = amount * NANOS_PER_USD
    if nanos != nanos.to_integral_value():
        raise wrong(f"{amount:f} USD is finer than a nano-dollar", "At most nine digits after the point.")
    return amount.normalize()


def _tokens(value: int) -> int:
    if not 0 < value <= TOKENS_MAX:
        raise wrong(f"a number of tokens is between 1 and {TOKENS_MAX:,}")
    return value


def _secret(value: object) -> str:
    if not isinstance(value, str) or not REFERENCE.fullmatch(value):
        raise wrong(
            "secret_literal: a secret must be a reference, never the secret itself",
            'Write "${env:NAME}" or "${file:/run/secrets/NAME}", and replace the secret: it has been in a file.',
        )
    return value


def secret_ref(reference: str) -> SecretRef:
    """The reference of a checked text."""
    source, _, name = reference[2:-1].partition(":")
    return SecretRef("env" if source == "env" else "file", name)


def _no_reference(value: str) -> str:
    if "${" in value:
        raise wrong("references are read in `api_key` only", "Write the value itself.")
    return value


def one_of(*allowed: str, later: Mapping[str, str] = NONE_LATER) -> Callable[[object], object]:
    """A validator for one of some words; `later` are words of the language that this build does not have."""

    def check(value: object) -> object:
        if value in allowed:
            return value
        if isinstance(value, str) and value in later:
            raise not_yet(f"`{value}` ({later[value]})", f"Known here: {', '.join(allowed)}.")
        if isinstance(value, dict):
            named = next((name for name in value if name in later), None)
            if named is not None:
                raise not_yet(f"`{named}` ({later[named]})", f"Known here: {', '.join(allowed)}.")
        near = difflib.get_close_matches(str(value), [*allowed, *later], n=1, cutoff=0.6) if isinstance(value, str) else []
        help = f"Did you mean `{near[0]}`?" if near else f"Known: {', '.join(allowed)}."
        raise wrong(f"{shown(value)} is none of {', '.join(allowed)}" if near else f"{shown(value)} cannot stand here", help)

    return check


def shown(value: object) -> str:
    """A value as a message may quote it."""
    if value is None:
        return "nothing"
    if isinstance(value, (dict, list)):
        return "a map" if isinstance(value, dict) else "a list"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    text = value.text if isinstance(value, YamlFloat) else str(value)
    return f"`{text[:60]}…`" if len(text) > 60 else f"`{text}`"


def _text_schema(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$"})


Name = Annotated[str, AfterValidator(_name), _text_schema(NAME_PATTERN)]
Text = Annotated[str, AfterValidator(_no_reference)]
Duration = Annotated[int, BeforeValidator(_duration), _text_schema(DURATION_PATTERN)]
PositiveDuration = Annotated[int, BeforeValidator(_duration), AfterValidator(_positive), _text_schema(DURATION_PATTERN)]
Usd = Annotated[Decimal, BeforeValidator(_usd), WithJsonSchema({"type": "number", "exclusiveMinimum": 0})]
Rate = Annotated[Decimal, BeforeValidator(_rate), WithJsonSchema({"type": "number", "minimum": 0})]
Tokens = Annotated[int, AfterValidator(_tokens), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": TOKENS_MAX})]
Secret = Annotated[str, BeforeValidator(_secret), _text_schema(r"\$\{(env:[A-Za-z_][A-Za-z0-9_]*|file:/[^}]+)\}")]
Condition = Annotated[str, WithJsonSchema({"type": "string", "description": "An expression, see the page on expressions."})]
