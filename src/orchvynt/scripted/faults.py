"""What can go wrong on command: one failure, and the manner in which bytes are written, as checked values. No input or output here."""

import re
from typing import Any, Final, Literal

import msgspec

from orchvynt.scripted.shapes import Json

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m)")
_SIZE: Final = re.compile(r"(\d+)(B|KiB|MiB|GiB)?")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0}
_BYTES: Final = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
DURATION_MAX_S: Final = 3_600.0
SIZE_MAX: Final = 4 << 30


class Seconds(float):
    """A duration in a script: `250ms`, `1.5s`, `2m`, or a number of seconds."""


class Size(int):
    """A number of bytes in a script: `64KiB`, `8MiB`, or a plain number; `true` is 0 and stands for the documented default."""


FAILURES: Final = (
    "status",
    "echo_key",
    "redirect",
    "html_200",
    "error_object_200",
    "empty_200",
    "refuses_prefill",
    "close_before_byte",
    "reset_before_byte",
    "silent",
    "pings_only",
    "slow_first_token",
    "reset_after",
    "cut_after",
    "clean_end_without_terminal",
    "error_event_after",
    "stall_after",
    "bad_json",
    "truncated_json",
    "invalid_utf8",
    "wrong_content_type",
    "wrong_length",
    "giant_header",
    "giant_line",
    "giant_body",
    "refuse_connections",
    "close_on_reuse",
)
"""At most one of these in a fault. `gzip: corrupt` and `gzip: bomb` count as failures too."""

MANNERS: Final = ("one_byte_writes", "one_write", "crlf", "gzip")
"""How an answer is written; the answer stays whole. They go with one another and with a failure."""

_COMPANIONS: Final = {
    "message": ("status", "refuses_prefill", "error_event_after", "error_object_200", "echo_key"),
    "error_type": ("status", "error_event_after", "error_object_200", "echo_key"),
    "error_code": ("status", "error_event_after", "error_object_200", "echo_key"),
    "body": ("status",),
    "headers": ("status", "redirect", "echo_key"),
    "retry_after": ("status",),
    "interval": ("pings_only",),
    "size": ("gzip",),
}
"""Fields that only mean something beside one of the named failures."""


def check_header_lines(headers: dict[str, str]) -> None:
    """Raises ValueError."""
    for name, value in headers.items():
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or re.search(r"[\r\n\0]", value):
            raise ValueError(f"`headers` holds {name!r}, which is not a header line")


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One fault. Numbers after `_after` count content frames; `true` picks the documented default of a sized or numbered one."""

    status: int | None = None
    echo_key: bool | int = False
    redirect: bool | str = False
    html_200: bool = False
    error_object_200: bool = False
    empty_200: bool = False
    refuses_prefill: bool = False
    close_before_byte: bool = False
    reset_before_byte: bool = False
    silent: bool = False
    pings_only: bool = False
    slow_first_token: Seconds | None = None
    reset_after: int | None = None
    cut_after: int | None = None
    clean_end_without_terminal: int | None = None
    error_event_after: int | None = None
    stall_after: int | None = None
    bad_json: bool = False
    truncated_json: bool = False
    invalid_utf8: bool = False
    wrong_content_type: bool | str = False
    wrong_length: bool | Literal["more", "less"] = False
    giant_header: Size | None = None
    giant_line: Size | None = None
    giant_body: Size | None = None
    refuse_connections: bool = False
    close_on_reuse: bool = False

    one_byte_writes: bool = False
    one_write: bool = False
    crlf: bool = False
    gzip: Literal["good", "corrupt", "bomb"] | None = None

    message: str = ""
    error_type: str = ""
    error_code: str = ""
    body: Json = None
    headers: dict[str, str] = {}
    retry_after: int | float | str | None = None
    interval: Seconds | None = None
    size: Size | None = None

    def __post_init__(self) -> None:
        failures = [name for name in FAILURES if _is_set(getattr(self, name))]
        if self.gzip in {"corrupt", "bomb"}:
            failures.append("gzip")
        if len(failures) > 1:
            raise ValueError(f"a fault names one failure, this one names {len(failures)}: {', '.join(failures)}; keep one")
        if not failures and not any(_is_set(getattr(self, name)) for name in MANNERS):
            raise ValueError(f"a fault names one of {', '.join((*FAILURES, *MANNERS))}")
        if self.one_write and self.one_byte_writes:
            raise ValueError("one_write and one_byte_writes exclude one another; keep one")
        self._check_numbers()
        for field, homes in _COMPANIONS.items():
            if _is_set(getattr(self, field)) and not set(homes) & {*failures, "gzip" if self.gzip else ""}:
                raise ValueError(f"`{field}` only means something beside {' or '.join(homes)}")

    def _check_numbers(self) -> None:
        for name in ("status", "echo_key"):
            value = getattr(self, name)
            if type(value) is int and not 400 <= value <= 599:
                raise ValueError(f"`{name}` is {value}; give an error status, 400 to 599")
        for name in ("reset_after", "cut_after", "clean_end_without_terminal", "error_event_after", "stall_after"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"`{name}` counts frames; give 0 or more")
        check_header_lines(self.headers)

    @property
    def failure(self) -> str:
        """The name of the failure, `""` if the answer stays whole, `gzip` for a corrupt or exploding body."""
        for name in FAILURES:
            if _is_set(getattr(self, name)):
                return name
        return "gzip" if self.gzip in {"corrupt", "bomb"} else ""


def _is_set(value: object) -> bool:
    return value is not None and value is not False and value not in ("", {})


def seconds(value: object) -> Seconds:
    """Reads a duration. Raises ValueError with what is accepted."""
    found: float | None = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        found = float(value)
    elif isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        found = float(match[1]) * _SECONDS[match[2]]
    if found is None or not 0 <= found <= DURATION_MAX_S:
        raise ValueError("Expected a duration such as `250ms`, `1.5s`, `2m`, or a number of seconds, at most an hour")
    return Seconds(found)


def size(value: object) -> Size:
    """Reads a number of bytes. Raises ValueError with what is accepted."""
    if value is True:
        return Size(0)
    found: int | None = None
    if isinstance(value, int) and not isinstance(value, bool):
        found = value
    elif isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
        found = int(match[1]) * _BYTES[match[2] or "B"]
    if found is None or not 0 < found <= SIZE_MAX:
        raise ValueError("Expected a size such as `64KiB`, `8MiB`, or a number of bytes, at most 4GiB")
    return Size(found)


def decode_hook(kind: type, value: object) -> Any:
    """Lets msgspec read the two kinds of values that scripts write with a unit."""
    if kind is Seconds:
        return seconds(value)
    if kind is Size:
        return size(value)
    # What msgspec asks of a hook for a type that it does not know.
    raise NotImplementedError(f"no reader for {kind.__name__}")


def read_fault(value: object) -> Fault:
    """Reads `{status: 429}` or, for a failure that needs no value, just `silent`. Raises msgspec.ValidationError."""
    if isinstance(value, str):
        value = {value: True}
    return msgspec.convert(value, Fault, dec_hook=decode_hook)
