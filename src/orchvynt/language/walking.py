"""Walks the whole document once and finds the names and expressions in it, and what this build refuses as not supported yet.

It looks at the file's nodes, not at what was read, so that a section with a mistake in it is walked like any other.
"""

from typing import Literal

import msgspec

from orchvynt.language.document.policy import PolicyDocument
from orchvynt.language.document.section import Later, Section
from orchvynt.language.document.shapes import Kind, Reads, Refers, Shape, shapes_of
from orchvynt.language.report import Report, Span
from orchvynt.language.variables import Stage
from orchvynt.language.wording import AMBIGUOUS
from orchvynt.language.yaml_marks import Entry, Mapping, Node, Scalar, Sequence


class Reference(msgspec.Struct, frozen=True, gc=False):
    """A name that leads to something else."""

    kind: Kind
    patterns: bool
    name: str
    span: Span
    path: str


class Formula(msgspec.Struct, frozen=True, gc=False):
    """An expression. `refused` says that it belongs to something that is refused as a whole."""

    scalar: Scalar
    text: str
    stage: Stage
    wants: Literal["boolean", "number", "scalar"]
    path: str
    refused: bool


class Findings(msgspec.Struct):
    references: list[Reference]
    formulas: list[Formula]


def walk(node: Mapping, report: Report) -> Findings:
    """Everything in the order of the file."""
    walker = _Walker(report)
    walker.section(PolicyDocument, node, "", False)
    return walker.found


class _Walker:
    def __init__(self, report: Report) -> None:
        self._report = report
        self.found = Findings([], [])

    def section(self, cls: type[Section], node: Mapping, path: str, refused: bool) -> None:
        """`refused` says that a name around it was told already."""
        shapes = shapes_of(cls)
        for name, entry in node.entries.items():
            shape = shapes.get(name)
            if shape is None:
                continue
            mark = cls.later.get(name)
            below = refused or (mark is not None and self._refuse(mark, name, entry, f"{path}.{name}".lstrip(".")))
            if not shape.plain:
                self._value(shape, entry.value, f"{path}.{name}".lstrip("."), below, node)

    def _value(self, shape: Shape, node: Node, path: str, refused: bool, around: Mapping) -> None:
        if isinstance(node, Scalar):
            self._scalar(shape, node, path, refused, around)
        elif isinstance(node, Sequence):
            if shape.items is not None and not shape.items.plain:
                for number, item in enumerate(node.items):
                    self._value(shape.items, item, f"{path}[{number}]", refused, around)
        elif shape.section is not None:
            self.section(shape.section, node, path, refused)
        elif not shape.raw:
            for name, entry in node.entries.items():
                if shape.keys is not None and shape.keys.refers is not None:
                    self._refer(shape.keys.refers, name, entry.key, f"{path}.{name}")
                if shape.values is not None:
                    self._value(shape.values, entry.value, f"{path}.{name}", refused, around)

    def _scalar(self, shape: Shape, node: Scalar, path: str, refused: bool, around: Mapping) -> None:
        if not isinstance(node.value, str):
            return
        if shape.refers is not None:
            self._refer(shape.refers, node.value, node.span, path)
        if shape.reads is not None:
            if node.value not in shape.reads.words:
                self.found.formulas.append(Formula(node, node.value, _stage(shape.reads, around), shape.reads.wants, path, refused))
        elif shape.text and not node.quote and node.text.lower() in AMBIGUOUS:
            said = f"`{node.text}` is read as text here; other readers of YAML take it for {AMBIGUOUS[node.text.lower()]}"
            self._report.warning(node.span, said, f'Put it in quotes: "{node.text}".', path)

    def _refer(self, refers: Refers, name: str, span: Span, path: str) -> None:
        self.found.references.append(Reference(refers.kind, refers.patterns, name, span, path))

    def _refuse(self, mark: Later, name: str, entry: Entry, path: str) -> bool:
        """Whether the whole value is refused; a part of it is told at its own place."""
        node = entry.value
        if mark.words:
            for item in node.items if isinstance(node, Sequence) else (node,):
                word = item.value.split(" ")[0] if isinstance(item, Scalar) and isinstance(item.value, str) else ""
                if word in mark.words and isinstance(item, Scalar):
                    self._not_yet(item.span, item.text, mark.words[word], path)
            return False
        if mark.items:
            if isinstance(node, Sequence) and len(node.items) > mark.items:
                self._not_yet(node.items[mark.items].span, name, mark.what, f"{path}[{mark.items}]")
            return False
        if mark.now is not None and isinstance(node, Scalar) and node.value == mark.now and type(node.value) is type(mark.now):
            return False
        self._not_yet(entry.key, name, mark.what, path)
        return True

    def _not_yet(self, span: Span, name: str, what: str, path: str) -> None:
        self._report.error(span, f"not supported yet: `{name[:60]}` ({what})", "Remove it; this build does not have it.", path)


def _stage(reads: Reads, around: Mapping) -> Stage:
    """The stage of a gate's condition is the one that the gate names."""
    if reads.stage != "gate":
        return reads.stage
    entry = around.entries.get("stage")
    named = entry.value.value if entry is not None and isinstance(entry.value, Scalar) else None
    return "input" if named == "input" else "tool_call" if named == "tool_call" else "output"
