"""Reads the document's sections out of marked nodes, item by item, so that one broken item hides nothing about the others.

What pydantic finds wrong is put in words here, at the place in the file it belongs to.
"""

import difflib
import re
from typing import Any, Final, Generic, TypeVar

import msgspec
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from orchvynt.language.document.scalars import shown
from orchvynt.language.document.section import Section, section_in
from orchvynt.language.masking import REFERENCE
from orchvynt.language.report import Report, Span
from orchvynt.language.yaml_marks import Entry, Mapping, Node, Scalar, Sequence, plain

S = TypeVar("S", bound=Section)
S_co = TypeVar("S_co", bound=Section, covariant=True)

_NEEDED: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a map",
    "model_type": "a map",
    "model_attributes_type": "a map",
}


class Item(msgspec.Struct, Generic[S_co], frozen=True):
    """One section that was read, with its place. `key` is the place of its name in the file."""

    section: S_co
    node: Mapping
    key: Span
    path: str

    def at(self, *steps: str | int) -> Span:
        """The place of a value inside it; the nearest one around it where the file leaves it out."""
        return place(self.node, steps)[0]


class Reader:
    """Adds to `report` what is wrong; what it gives is right by itself, but not yet checked against the rest.

    `broken` are the sections that it did not give, with their paths.
    """

    def __init__(self, report: Report) -> None:
        self.report = report
        self.broken: list[tuple[str, Mapping]] = []

    def section(self, cls: type[S], node: Node, path: str, key: Span | None = None) -> Item[S] | None:
        """The section, or None where something in it is wrong."""
        key = key or _opening(node)
        if not isinstance(node, Mapping):
            self.report.error(node.span, f"`{path}` is a map, not {shown(plain(node))}", _members_help(cls), path)
            return None
        if self.empty(node, path):
            self.broken.append((path, node))
            return None
        try:
            made = cls.model_validate(plain(node))
        except ValidationError as error:
            self.broken.append((path, node))
            details = error.errors(include_url=False)
            later = {one["loc"][:-1] for one in details if _is_later(cls, one)}
            for one in details:
                if one["type"] != "missing" or one["loc"][:-1] not in later:
                    self._explain(cls, one, node, path, key)
            return None
        return Item(made, node, key, path)

    def members(self, cls: type[Section], node: Node, path: str) -> dict[str, Entry]:
        """The entries of a map that the class has; each may still be wrong. Every other name is reported."""
        if not isinstance(node, Mapping):
            self.report.error(node.span, f"`{path}` is a map, not {shown(plain(node))}", _members_help(cls), path)
            return {}
        known: dict[str, Entry] = {}
        for name, entry in node.entries.items():
            below = f"{path}.{name}".lstrip(".")
            if name not in cls.model_fields:
                self.unknown_key(cls, name, entry.key, below)
            elif isinstance(entry.value, Scalar) and entry.value.value is None:
                self.report.error(entry.key, f"`{name}` has no value", "Give it one, or remove the name.", below)
            else:
                known[name] = entry
        return known

    def named(self, cls: type[S], node: Node, path: str) -> dict[str, Item[S]]:
        """The sections of a map from names."""
        if not isinstance(node, Mapping):
            self.report.error(node.span, f"`{path}` is a map from names, not {shown(plain(node))}", path=path)
            return {}
        read = {name: self.section(cls, entry.value, f"{path}.{name}", entry.key) for name, entry in node.entries.items()}
        return {name: item for name, item in read.items() if item is not None}

    def listed(self, cls: type[S], node: Node, path: str) -> list[Item[S]]:
        """The sections of a list."""
        if not isinstance(node, Sequence):
            self.report.error(node.span, f"`{path}` is a list, not {shown(plain(node))}", "Begin each item with `- `.", path)
            return []
        read = [self.section(cls, item, f"{path}[{number}]") for number, item in enumerate(node.items)]
        return [item for item in read if item is not None]

    def empty(self, node: Node, path: str) -> bool:
        """Reports every name that stands there without a value: leaving a value out is not the same as not naming it."""
        found = False
        if isinstance(node, Mapping):
            for name, entry in node.entries.items():
                if isinstance(entry.value, Scalar) and entry.value.value is None:
                    self.report.error(entry.key, f"`{name}` has no value", "Give it one, or remove the name.", f"{path}.{name}")
                    found = True
                else:
                    found = self.empty(entry.value, f"{path}.{name}") or found
        elif isinstance(node, Sequence):
            for number, item in enumerate(node.items):
                if isinstance(item, Scalar) and item.value is None:
                    self.report.error(item.span, "an item of the list is empty", "Remove it.", f"{path}[{number}]")
                    found = True
                else:
                    found = self.empty(item, f"{path}[{number}]") or found
        return found

    def unknown_key(self, cls: type[Section], name: str, key: Span, path: str) -> None:
        """A name that the section does not have: of the language, but not of this build; or of neither."""
        if name in cls.later:
            self.report.error(key, f"not supported yet: `{name}` ({cls.later[name]})", "Remove it; this build does not have it.", path)
            return
        near = difflib.get_close_matches(name, [*cls.model_fields, *cls.later], n=1, cutoff=0.6)
        help = f"Did you mean `{near[0]}`?" if near else _members_help(cls)
        self.report.error(key, f"unknown name {shown(name)}", help, path)

    def _explain(self, cls: type[Section], one: ErrorDetails, node: Mapping, path: str, key: Span) -> None:
        kind, loc = one["type"], one["loc"]
        span, found = place(node, loc)
        path = (path + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc)).lstrip(".")
        context: dict[str, Any] = one.get("ctx") or {}
        if kind == "extra_forbidden":
            name = str(loc[-1])
            if isinstance(found, Scalar) and isinstance(found.value, str) and path.startswith("providers.") and not _harmless(found.text):
                self.report.hide(found.text)
            self.unknown_key(_class_at(cls, loc[:-1]) or cls, name, _key_span(node, loc) or span, path)
        elif kind == "missing":
            inside, _ = place(node, loc[:-1])
            self.report.error(key if len(loc) == 1 else inside, f"`{loc[-1]}` is missing", _field_help(cls, loc), path)
        elif kind == "policy":
            self.report.error(span, str(context["said"]), str(context["help"]), path)
        else:
            given = plain(found) if found is not None else None
            needed = _NEEDED.get(kind, "something else")
            help = "Put it in quotes." if needed == "text" and isinstance(given, (bool, int, float)) else _field_help(cls, loc)
            self.report.error(span, f"`{loc[-1] if loc else path}` is {needed}, not {shown(given)}", help, path)


def place(node: Node, steps: tuple[str | int, ...]) -> tuple[Span, Node | None]:
    """Where a value stands, and the value; steps that the file does not have (a default, a kind of a union) end the walk."""
    span, at = node.span, node
    for step in steps:
        if isinstance(at, Mapping) and isinstance(step, str) and step in at.entries:
            at = at.entries[step].value
        elif isinstance(at, Sequence) and isinstance(step, int) and step < len(at.items):
            at = at.items[step]
        else:
            return span, None
        span = at.span
    return span, at


def _key_span(node: Node, steps: tuple[str | int, ...]) -> Span | None:
    _, around = place(node, steps[:-1])
    last = str(steps[-1])
    return around.entries[last].key if isinstance(around, Mapping) and last in around.entries else None


def _opening(node: Node) -> Span:
    """The first line of an item, up to its first name, so that a long block is not underlined whole."""
    if isinstance(node, Mapping) and node.entries:
        return next(iter(node.entries.values())).key
    return node.span


def _is_later(cls: type[Section], one: ErrorDetails) -> bool:
    around = _class_at(cls, one["loc"][:-1])
    return one["type"] == "extra_forbidden" and around is not None and one["loc"][-1] in around.later


def _class_at(cls: type[Section], steps: tuple[str | int, ...]) -> type[Section] | None:
    """The section class that a place in the document belongs to."""
    found: type[Section] | None = cls
    for step in steps:
        if found is None:
            return None
        field = found.model_fields.get(str(step))
        if field is not None:
            found = section_in(field.annotation)
    return found


def _members_help(cls: type[Section]) -> str:
    return f"Known here: {', '.join(cls.model_fields)}."


def _field_help(cls: type[Section], loc: tuple[str | int, ...]) -> str:
    around = _class_at(cls, loc[:-1])
    field = around.model_fields.get(str(loc[-1])) if around is not None else None
    return field.description or "" if field is not None else ""


def _harmless(text: str) -> bool:
    """What may be shown although its name is not known: references, addresses and short words."""
    return bool(REFERENCE.fullmatch(text) or re.fullmatch(r"https?://[^@]*|[a-z-]{1,20}", text))
