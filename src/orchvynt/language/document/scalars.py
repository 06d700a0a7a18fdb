"""The kinds of single values in the document that are words: names, texts, durations, choices, secrets. Each says what it accepts."""

import difflib
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from orchvynt.language.addresses import AddressError, parse_address
from orchvynt.language.document.section import wrong
from orchvynt.language.masking import REFERENCE
from orchvynt.language.snapshot import SecretRef
from orchvynt.language.yaml_marks import YamlFloat

NAME_PATTERN: Final = r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,99}"
DURATION_PATTERN: Final = r"[0-9]+(\.[0-9]+)?(ms|s|m|h|d|y)"
REFERENCE_PATTERN: Final = r"\$\{(env:[A-Za-z_][A-Za-z0-9_]*|file:/[^}]+)\}"
MILLISECOND: Final = 1_000_000
SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
DAY: Final = 86_400 * SECOND

_NAME = re.compile(NAME_PATTERN)
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h|d|y)")
_UNIT_NANOS: Final = {"ms": MILLISECOND, "s": SECOND, "m": MINUTE, "h": 60 * MINUTE, "d": DAY, "y": 365 * DAY}
_DURATION_NANOS_MAX: Final = 3_660 * DAY
_WINDOWS: Final = ("minute", "hour", "day", "week", "month")
_TEXT_CHARS_MAX: Final = 1_000


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
    return f"{(Decimal(nanos) / MILLISECOND).normalize():f}ms" if nanos else "0s"


def _window(value: object) -> object:
    if isinstance(value, str) and value.startswith("rolling"):
        length = value.removeprefix("rolling").strip()
        if not length:
            raise wrong("`rolling` needs a length", "Write rolling 24h.")
        return f"rolling {duration_text(_positive(_duration(length)))}"
    return one_of(*_WINDOWS, near=("rolling 24h",))(value)


def rolling_length(window: str) -> int:
    """The length in ns of a checked window that rolls; 0 for one by the calendar."""
    return _duration(window.removeprefix("rolling").strip()) if window.startswith("rolling") else 0


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
        raise wrong("references are read only where a secret stands", "Write the value itself.")
    if len(value) > _TEXT_CHARS_MAX:
        raise wrong(f"the text is longer than {_TEXT_CHARS_MAX:,} characters")
    return value


def _not_empty(value: str) -> str:
    if not value.strip():
        raise wrong("the text is empty")
    return value


def _address(value: str) -> str:
    if REFERENCE.fullmatch(value):
        return value
    try:
        parse_address(value.partition("?")[0])
    except AddressError as error:
        raise wrong(str(error), error.help or "Write https://HOST/PATH, or a reference.") from None
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = difflib.get_close_matches(value, sorted(available_timezones()), n=1, cutoff=0.6)
        help = f"Did you mean `{near[0]}`?" if near else "Write a name of the IANA database, such as UTC or Europe/Berlin."
        raise wrong(f"{shown(value)} is not a timezone", help) from None
    return value


def one_of(*allowed: str, near: tuple[str, ...] = ()) -> Callable[[object], object]:
    """A validator for one of some words; `near` are further ones that only advice names."""

    def check(value: object) -> object:
        if isinstance(value, str) and value in allowed:
            return value
        similar = difflib.get_close_matches(value, [*allowed, *near], n=1, cutoff=0.6) if isinstance(value, str) else []
        help = f"Did you mean `{similar[0]}`?" if similar else f"Known: {', '.join([*allowed, *near])}."
        raise wrong(f"{shown(value)} is none of {', '.join(allowed)}" if similar else f"{shown(value)} cannot stand here", help)

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


def json_value(value: object) -> object:
    """JSON as the file writes it, its numbers as plain ones."""
    if isinstance(value, dict):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [json_value(item) for item in value]
    return float(value) if isinstance(value, float) else value


def text_schema(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$"})


def _enforce(value: object) -> object:
    return True if value is True else one_of("true", "observe")(value)


Name = Annotated[str, AfterValidator(_name), text_schema(NAME_PATTERN)]
Text = Annotated[str, AfterValidator(_no_reference)]
Sentence = Annotated[str, AfterValidator(_no_reference), AfterValidator(_not_empty)]
Duration = Annotated[int, BeforeValidator(_duration), text_schema(DURATION_PATTERN)]
PositiveDuration = Annotated[int, BeforeValidator(_duration), AfterValidator(_positive), text_schema(DURATION_PATTERN)]
Window = Annotated[str, BeforeValidator(_window), text_schema(rf"({'|'.join(_WINDOWS)}|rolling {DURATION_PATTERN})")]
Secret = Annotated[str, BeforeValidator(_secret), text_schema(REFERENCE_PATTERN)]
Place = Annotated[str, AfterValidator(_address)]
"""An address, or a reference to one that is itself a secret."""
Zone = Annotated[str, AfterValidator(_zone)]
Enforce = Annotated[Literal[True, "observe"], BeforeValidator(_enforce)]
