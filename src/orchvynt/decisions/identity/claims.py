"""What a caller says about itself: headers, body metadata and path → Told. Knows no policy, no key and no network.

Sources and their order are the wire contract; what cannot be used is refused with the name of the field, never cut or ignored.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Claims, RunSource

TEXT_CHARS_MAX: Final = 256
FLAGS_MAX: Final = 64
CONTEXT_BYTES_MAX: Final = 16_384
SHOWN_CHARS_MAX: Final = 120
SESSION_HEADERS: Final = ("x-claude-code-session-id",)
TEXT_FIELDS: Final = ("workflow", "agent", "run", "session", "workload", "user", "parent")
PATH_FIELDS: Final = ("workflow", "agent")
OWN_HEADERS: Final = frozenset(f"x-orchvynt-{name}" for name in (*TEXT_FIELDS, "flags", "context", "min-quality"))
HEADERS: Final = OWN_HEADERS | {*SESSION_HEADERS, "traceparent"}
"""Every header that bears on identity. A request without any, without metadata and without a path of its own claims nothing."""

_FIELDS: Final = {name: f"x-orchvynt-{name}" for name in TEXT_FIELDS}

Header = Callable[[str], str]


class Told(msgspec.Struct, frozen=True):
    """What a caller said. `places` names for each claim where it stood (`x-orchvynt-run`, `metadata.orchvynt_run`, `path`); a key of
    the context is the claim `context.KEY`. `overruled` says where one place contradicted another, as `agent: drafting, not retrieval`."""

    claims: Claims = Claims()
    places: Mapping[str, str] = {}
    overruled: tuple[str, ...] = ()


NOTHING: Final = Told()


class UnusableError(Exception):
    """A claim cannot be used; carries where it stood and why."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(why)
        self.where = where


class _Telling:
    """Gathers what is said, in the order of the places: the first that says something wins, and a contradiction is kept."""

    def __init__(self, header: Header, metadata: Mapping[str, object]) -> None:
        self.header = header
        self.metadata = metadata
        self.places: dict[str, str] = {}
        self.overruled: list[str] = []

    def text(self, name: str, in_path: str) -> str:
        field = _FIELDS[name]
        in_header, in_metadata = self.header(field), self.metadata.get(name) if self.metadata else None
        # Of the seven texts most are not said at all; this saves 6 µs.
        if not in_header and in_metadata is None and not in_path:
            return ""
        found = ""
        for where, value in ((field, in_header), (f"metadata.orchvynt_{name}", in_metadata), ("path", in_path)):
            text = _text(where, value) if value is not None else ""
            if text and not found:
                found, self.places[name] = text, where
            elif text and text != found:
                self.overruled.append(contradiction(name, found, text))
        return found

    def run(self) -> tuple[str, RunSource]:
        """header → metadata → the client's own session id → trace id. What comes after these is not said but inferred."""
        if said := self.text("run", ""):
            return said, "header" if self.places["run"].startswith("x-") else "metadata"
        for name in SESSION_HEADERS:
            if value := self.header(name):
                self.places["run"] = name
                return _text(name, value), "session-id"
        if trace := trace_id(self.header("traceparent")):
            self.places["run"] = "traceparent"
            return trace, "traceparent"
        return "", ""

    def flags(self) -> tuple[str, ...]:
        """Of all places together: a flag that somebody on the way has put there is not taken away by saying others."""
        found: list[str] = []
        for where, value in (
            ("x-orchvynt-flags", self.header("x-orchvynt-flags")),
            ("metadata.orchvynt_flags", self.metadata.get("flags")),
        ):
            listed = _flags(where, value)
            if listed:
                self.places.setdefault("flags", where)
                found += listed
        return tuple(dict.fromkeys(found))

    def context(self) -> dict[str, Any]:
        """Of all places together; of a key that stands in both, the header's."""
        in_header, value = _context("x-orchvynt-context", self.header("x-orchvynt-context")), self.metadata.get("context")
        found = dict(_context("metadata.orchvynt_context", value))
        for key in found:
            self.places[f"context.{key}"] = "metadata.orchvynt_context"
        for key, said in in_header.items():
            if key in found and found[key] != said:
                self.overruled.append(contradiction(f"context.{key}", said, found[key]))
            found[key] = said
            self.places[f"context.{key}"] = "x-orchvynt-context"
        return found

    def min_quality(self) -> float | None:
        found: float | None = None
        for where, value in (
            ("x-orchvynt-min-quality", self.header("x-orchvynt-min-quality")),
            ("metadata.orchvynt_min_quality", self.metadata.get("min_quality")),
        ):
            number = _quality(where, value)
            if number is not None and found is None:
                found, self.places["min_quality"] = number, where
            elif number is not None and number != found:
                self.overruled.append(contradiction("min_quality", found, number))
        return found


def claims(header: Header, metadata: Mapping[str, object], path_workflow: str, path_agent: str) -> Told | Fault:
    """What the caller claims. `header(name)` gives a header's text or an empty string."""
    telling = _Telling(header, metadata)
    try:
        run, source = telling.run()
        said = Claims(
            workflow=telling.text("workflow", path_workflow),
            agent=telling.text("agent", path_agent),
            run=run,
            run_source=source,
            session=telling.text("session", ""),
            workload=telling.text("workload", ""),
            user=telling.text("user", ""),
            parent=telling.text("parent", ""),
            flags=telling.flags(),
            context=telling.context(),
            min_quality=telling.min_quality(),
        )
    except UnusableError as problem:
        return Fault("invalid_request", f"{problem.where}: {problem}", "Correct the value or leave it out.", param=problem.where)
    return Told(said, telling.places, tuple(telling.overruled))


def contradiction(name: str, holds: object, not_this: object) -> str:
    """How a record says that one claim was overruled."""
    return f"{name}: {shown(holds)}, not {shown(not_this)}"


def shown(value: object) -> str:
    """A claim's value in one bounded line."""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode("utf-8", "replace")
    return text if len(text) <= SHOWN_CHARS_MAX else f"{text[:SHOWN_CHARS_MAX]}…"


def trace_id(traceparent: str) -> str:
    """The trace id of a W3C `traceparent` (https://www.w3.org/TR/trace-context/), or an empty string."""
    parts = traceparent.split("-")
    if len(parts) < 4 or len(parts[1]) != 32 or parts[1] == "0" * 32:
        return ""
    return parts[1] if all(char in "0123456789abcdef" for char in parts[1]) else ""


def _text(where: str, value: object) -> str:
    """Without blanks around it, as a header's value: `docs ` must not be another workflow than `docs`."""
    if not isinstance(value, str):
        raise UnusableError(where, "must be text")
    value = value.strip(" ")
    if len(value) > TEXT_CHARS_MAX:
        raise UnusableError(where, f"is {len(value)} characters long; the most is {TEXT_CHARS_MAX}")
    if not value.isprintable():
        raise UnusableError(where, "holds a character that cannot be printed")
    return value


def _flags(where: str, value: object) -> list[str]:
    if value is None or value == "":
        return []
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, list) or len(listed) > FLAGS_MAX:
        raise UnusableError(where, f"must be a list of at most {FLAGS_MAX} flags")
    return [flag for flag in (_text(where, one) for one in listed) if flag]


def _context(where: str, value: object) -> dict[str, Any]:
    found = _json(where, value) if isinstance(value, str) and value else value
    if found is None or found == "":
        return {}
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise UnusableError(where, 'must be a JSON object, such as {"user_tier": "premium"}')
    if len(msgspec.json.encode(found)) > CONTEXT_BYTES_MAX:
        raise UnusableError(where, f"is larger than {CONTEXT_BYTES_MAX} bytes")
    return found


def _json(where: str, text: str) -> object:
    if len(text) > CONTEXT_BYTES_MAX:
        raise UnusableError(where, f"is larger than {CONTEXT_BYTES_MAX} bytes")
    try:
        return msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
        raise UnusableError(where, f"is not JSON: {error}") from error


def _quality(where: str, found: object) -> float | None:
    if found is None or found == "":
        return None
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        raise UnusableError(where, "must be a number from 0 to 1")
    try:
        number = float(found)
    except (ValueError, OverflowError) as error:
        raise UnusableError(where, "must be a number from 0 to 1") from error
    if not 0.0 <= number <= 1.0:
        raise UnusableError(where, "must be a number from 0 to 1")
    return number
