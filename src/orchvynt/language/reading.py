"""Reads the document's sections out of marked nodes, item by item, so that one broken item hides nothing about the others.

What pydantic finds wrong is put in words in `wording`, at the place in the file it belongs to.
"""

import re
from collections.abc import Mapping as Mapping_
from typing import Generic, TypeVar

import msgspec
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from orchvynt.language.document.scalars import shown
from orchvynt.language.document.section import Section, fields_of
from orchvynt.language.document.shapes import Shape, shapes_of
from orchvynt.language.masking import HARMLESS_WORD, REFERENCE
from orchvynt.language.report import Report, Span
from orchvynt.language.wording import BOUNDED, NEEDED, advice, as_written, nearest
from orchvynt.language.yaml_marks import Entry, Mapping, Node, Scalar, Sequence, plain

Steps = tuple[str | int, ...]
S = TypeVar("S", bound=Section)
S_co = TypeVar("S_co", bound=Section, covariant=True)

AT_KEY = "!"
"""As the first step of a validator's `at`: the name of what follows, not its value; alone, where the section begins."""


class Item(msgspec.Struct, Generic[S_co], frozen=True, gc=False):
    """One section that was read, with its place. `key` is the place of its name in the file."""

    section: S_co
    node: Mapping
    key: Span
    path: str

    def at(self, *steps: str | int) -> Span:
        """The place of a value inside it; the nearest one around it where the file leaves it out."""
        return place(self.node, steps)[0]

    def name_at(self, *steps: str) -> Span:
        """The place of a field's name; of the whole item's where the file leaves it out."""
        return _key_span(self.node, steps) or self.key


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
            self.report.error(node.span, f"`{path}` is a map, not {as_written(node)}", _members_help(cls), path)
            return None
        if self.empty(Shape(section=cls), node, path):
            self.broken.append((path, node))
            return None
        try:
            made = cls.model_validate(plain(node))
        except ValidationError as error:
            self.broken.append((path, node))
            details = error.errors(include_url=False)
            meant = {(*one["loc"][:-1], near) for one in details if one["type"] == "extra_forbidden" and (near := _meant(cls, one["loc"]))}
            for one in details:
                if one["type"] != "missing" or one["loc"] not in meant:
                    self._explain(cls, one, node, path, key)
            return None
        return Item(made, node, key, path)

    def members(self, cls: type[Section], node: Node, path: str) -> dict[str, Entry]:
        """The entries of a map that the class has; each may still be wrong. Every other name is reported."""
        if not isinstance(node, Mapping):
            self.report.error(node.span, f"`{path}` is a map, not {as_written(node)}", _members_help(cls), path)
            return {}
        known: dict[str, Entry] = {}
        fields = fields_of(cls)
        for name, entry in node.entries.items():
            below = f"{path}.{name}".lstrip(".")
            if name not in fields:
                self.unknown_key(cls, name, entry.key, below)
            elif isinstance(entry.value, Scalar) and entry.value.value is None:
                self.report.error(entry.key, f"`{name}` has no value", "Give it one, or remove the name.", below)
            else:
                known[name] = entry
        return known

    def named(self, cls: type[S], entry: Entry | None, path: str) -> dict[str, Item[S]]:
        """The sections of a map from names; none where the file leaves the map out."""
        if entry is None:
            return {}
        if not isinstance(entry.value, Mapping):
            said = f"`{path}` is a map from names, not {as_written(entry.value)}"
            self.report.error(entry.value.span, said, "Write NAME: {…} for each.", path)
            return {}
        read = {name: self.section(cls, one.value, f"{path}.{name}", one.key) for name, one in entry.value.entries.items()}
        return {name: item for name, item in read.items() if item is not None}

    def listed(self, cls: type[S], entry: Entry | None, path: str) -> list[Item[S]]:
        """The sections of a list; none where the file leaves the list out."""
        if entry is None:
            return []
        if not isinstance(entry.value, Sequence):
            said = f"`{path}` is a list, not {as_written(entry.value)}"
            self.report.error(entry.value.span, said, "Begin each item with `- `.", path)
            return []
        read = [self.section(cls, item, f"{path}[{number}]") for number, item in enumerate(entry.value.items)]
        return [item for item in read if item is not None]

    def empty(self, shape: Shape | None, node: Node, path: str) -> bool:
        """Reports every name that stands there without a value: leaving a value out is not the same as not naming it."""
        if shape is not None and shape.raw:
            return False
        found = False
        if isinstance(node, Mapping):
            inside = shapes_of(shape.section) if shape is not None and shape.section is not None else {}
            for name, entry in node.entries.items():
                if isinstance(entry.value, Scalar):
                    if entry.value.value is None:
                        self.report.error(
                            entry.key, f"`{name}` has no value", "Give it one, or remove the name.", f"{path}.{name}".lstrip(".")
                        )
                        found = True
                else:
                    below = inside.get(name) or (shape.values if shape is not None else None)
                    found = self.empty(below, entry.value, f"{path}.{name}") or found
        elif isinstance(node, Sequence):
            for number, item in enumerate(node.items):
                if isinstance(item, Scalar) and item.value is None:
                    self.report.error(item.span, "an item of the list is empty", "Remove it.", f"{path}[{number}]")
                    found = True
                else:
                    found = self.empty(shape.items if shape is not None else None, item, f"{path}[{number}]") or found
        return found

    def unknown_key(self, cls: type[Section], name: str, key: Span, path: str) -> None:
        """A name that the section does not have."""
        near = nearest(name, fields_of(cls), 0.6)
        help = f"Did you mean `{near}`?" if near else _members_help(cls)
        self.report.error(key, f"unknown name {shown(name)}", help, path)

    def _explain(self, cls: type[Section], one: ErrorDetails, node: Mapping, path: str, key: Span) -> None:
        kind, context = one["type"], one.get("ctx") or {}
        loc: Steps = tuple(step for step in one["loc"] if not _is_tag(step))
        at: Steps = context.get("at", ()) if kind == "policy" else ()
        below = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in (*loc, *at) if step != AT_KEY)
        path = (path + below).lstrip(".")
        span, found = place(node, loc)
        if kind == "extra_forbidden":
            name = str(loc[-1])
            if isinstance(found, Scalar) and isinstance(found.value, str) and _may_hold_secrets(path) and not _harmless(found.text):
                self.report.hide(found.text)
            self.unknown_key(_section_at(cls, loc[:-1]) or cls, name, _key_span(node, loc) or span, path)
        elif kind == "missing":
            inside, _ = place(node, loc[:-1])
            self.report.error(key if len(loc) == 1 else inside, f"`{loc[-1]}` is missing", _field_help(cls, loc), path)
        elif kind == "policy":
            span = (_key_span(node, loc[:-1]) or span) if loc[-1:] == ("[key]",) else _pointed(node, loc, at, key)
            self.report.error(span, str(context["said"]), str(context["help"]) or _field_help(cls, loc), path)
        else:
            self.report.error(span, *_mistaken(cls, kind, context, loc, path, found), path)


def _mistaken(cls: type[Section], kind: str, context: Mapping_[str, object], loc: Steps, path: str, found: Node | None) -> tuple[str, str]:
    """What is wrong with a value in pydantic's own words, and what to write."""
    named = f"`{path if not loc or isinstance(loc[-1], int) else loc[-1]}`"
    if kind in BOUNDED:
        return f"{named} {BOUNDED[kind].format_map(context)}", _field_help(cls, loc)
    needed = NEEDED.get(kind, "something else")
    if needed == "a whole number" and isinstance(found, Scalar) and not found.quote and found.text.lstrip("+-").isdigit():
        return f"{named} cannot be {as_written(found)}: so large a number is not meant", _field_help(cls, loc)
    return f"{named} is {needed}, not {as_written(found)}", advice(needed, found) or _field_help(cls, loc)


def place(node: Node, steps: Steps) -> tuple[Span, Node | None]:
    """Where a value stands, and the value; a step that the file does not have (a default) ends the walk."""
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


def _pointed(node: Mapping, loc: Steps, at: Steps, key: Span) -> Span:
    """Where a validator of the value at `loc` points."""
    if at[:1] != (AT_KEY,):
        return place(node, (*loc, *at))[0]
    named = _key_span(node, (*loc, *at[1:])) if len(at) > 1 or loc else key
    return named or place(node, loc)[0]


def _is_tag(step: str | int) -> bool:
    """Of a union: which of its kinds was tried."""
    return isinstance(step, str) and step.startswith("<")


def _key_span(node: Node, steps: Steps) -> Span | None:
    _, around = place(node, steps[:-1])
    last = str(steps[-1])
    return around.entries[last].key if isinstance(around, Mapping) and last in around.entries else None


def _opening(node: Node) -> Span:
    """The first line of an item, up to its first name, so that a long block is not underlined whole."""
    if isinstance(node, Mapping) and node.entries:
        return next(iter(node.entries.values())).key
    return node.span


def _section_at(cls: type[Section], steps: Steps) -> type[Section] | None:
    """The section class that a place in the document belongs to."""
    shape: Shape | None = Shape(section=cls)
    for step in steps:
        if shape is None:
            return None
        if isinstance(step, int):
            shape = shape.items
        elif shape.section is not None:
            shape = shapes_of(shape.section).get(step)
        else:
            shape = shape.values
    return shape.section if shape is not None else None


def _meant(cls: type[Section], loc: Steps) -> str:
    """The field that a misspelt name stands for, which is then not missing as well."""
    around = _section_at(cls, loc[:-1])
    return nearest(str(loc[-1]), fields_of(around), 0.6) if around is not None else ""


def _members_help(cls: type[Section]) -> str:
    return f"Known here: {', '.join(fields_of(cls))}."


def _field_help(cls: type[Section], loc: Steps) -> str:
    """What the field means; of an item of a list, what the list does."""
    while loc and isinstance(loc[-1], int):
        loc = loc[:-1]
    around = _section_at(cls, loc[:-1]) if loc else None
    field = fields_of(around).get(str(loc[-1])) if around is not None else None
    return field.description or "" if field is not None else ""


def _may_hold_secrets(path: str) -> bool:
    return path.startswith(("providers.", "notify."))


def _harmless(text: str) -> bool:
    """What may be shown although its name is not known: references, addresses and short words."""
    return bool(REFERENCE.fullmatch(text) or HARMLESS_WORD.fullmatch(text) or re.fullmatch(r"https?://[^@]*", text))
