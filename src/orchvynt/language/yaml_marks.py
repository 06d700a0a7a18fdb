"""Reads one YAML document into plain nodes that know their place in the file. Bounded in size, depth and node count.

Plain words are read as YAML 1.2 does: only true and false are booleans, so `no` and `on` stay strings; timestamps do too.
It walks the parser's events: libyaml's own composer takes minutes for a few hundred thousand nested brackets.
"""

import re
from typing import Any, Final

import msgspec
import yaml
from yaml import CSafeLoader, events

from orchvynt.language.masking import REFERENCE, SECRET_NAME, names_a_key
from orchvynt.language.report import Report, Span

BYTES_MAX: Final = 4 * 1024 * 1024
NODES_MAX: Final = 200_000
DEPTH_MAX: Final = 64

_TAG = "tag:yaml.org,2002:"
_BOOL: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_INT = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_YAML = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class YamlFloat(float):
    """A number with a point; `text` is what the file says, for money must not pass through a float."""

    text: str

    def __new__(cls, text: str) -> "YamlFloat":
        made = super().__new__(cls, text)
        made.text = text
        return made


ScalarValue = str | int | YamlFloat | bool | None


# A document's nodes are a tree, never a circle, so the collector of garbage need not look at them (`gc=False`): it saves a tenth of the
# time that ten thousand rules take.


class Scalar(msgspec.Struct, frozen=True, gc=False):
    """`quote` is `'`, `"`, `|`, `>` or empty for a plain word."""

    value: ScalarValue
    text: str
    quote: str
    span: Span


class Sequence(msgspec.Struct, frozen=True, gc=False):
    items: "tuple[Node, ...]"
    span: Span


class Entry(msgspec.Struct, frozen=True, gc=False):
    key: Span
    value: "Node"


class Mapping(msgspec.Struct, frozen=True, gc=False):
    entries: dict[str, Entry]
    span: Span


Node = Scalar | Sequence | Mapping


class _StopError(Exception):
    """The document cannot be read on; the reason is in the report."""


def parse(text: str, report: Report) -> Node | None:
    """The document, or None when it cannot be read at all; what is wrong is added to the report."""
    if bad := _NOT_YAML.search(text):
        line, column = _place(text, bad.start())
        help = "Save the file as UTF-8 text." if ord(bad[0]) >= 0xD800 else "Remove it; write it as an escape inside double quotes."
        report.error(Span(line, column, line, column + 1), f"the character U+{ord(bad[0]):04X} is not allowed in YAML", help)
        return None
    if len(text.encode()) > BYTES_MAX:
        report.error(Span(1, 1, 1, 1), f"the file is larger than {BYTES_MAX // 1024 // 1024} MiB", "A policy is a few hundred lines.")
        return None
    try:
        return _Composer(text, report).document()
    except _StopError:
        return None
    except yaml.MarkedYAMLError as error:
        _syntax_error(error, report)
        return None


def plain(node: Node) -> Any:
    """The node as plain values: dicts, lists, str, int, YamlFloat, bool, None."""
    if isinstance(node, Mapping):
        return {name: plain(entry.value) for name, entry in node.entries.items()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return node.value


class _Composer:
    """Builds nodes from events. An alias counts with all that it stands for, so that a bomb is refused before it is built."""

    def __init__(self, text: str, report: Report) -> None:
        self._loader = CSafeLoader(text)
        self._report = report
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._count = 0

    def document(self) -> Node:
        self._next()
        start = self._next()
        if isinstance(start, events.StreamEndEvent):
            raise self._stop(Span(1, 1, 1, 1), "the file is empty", "A policy begins with `version: 1`.")
        node = self._node(self._next(), 0)
        self._next()
        after = self._next()
        if not isinstance(after, events.StreamEndEvent):
            raise self._stop(_span(after), "a second document begins here", "A policy is one document; remove the line `---`.")
        return node

    def _next(self) -> events.Event:
        event = self._loader.get_event()
        assert event is not None
        return event

    def _stop(self, span: Span, message: str, help: str) -> _StopError:
        self._report.error(span, message, help)
        return _StopError()

    def _spend(self, nodes: int, span: Span) -> None:
        self._count += nodes
        if self._count > NODES_MAX:
            raise self._stop(span, f"the document has more than {NODES_MAX:,} values", "Aliases count with all that they stand for.")

    def _node(self, event: events.Event, depth: int) -> Node:
        span = _span(event)
        if isinstance(event, events.AliasEvent):
            return self._alias(str(event.anchor), span)
        if depth >= DEPTH_MAX:
            raise self._stop(span, f"nested deeper than {DEPTH_MAX} levels", "A policy needs fewer than ten.")
        before = self._count
        self._spend(1, span)
        node: Node
        if isinstance(event, events.ScalarEvent):
            node = self._scalar(event, span)
        elif isinstance(event, events.SequenceStartEvent):
            self._no_tag(event.tag, "seq", span)
            node = self._sequence(span, depth)
        else:
            assert isinstance(event, events.MappingStartEvent)
            self._no_tag(event.tag, "map", span)
            node = self._mapping(span, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, self._count - before)
        return node

    def _alias(self, anchor: str, span: Span) -> Node:
        known = self._anchors.get(anchor)
        if known is None:
            raise self._stop(span, f"the alias `*{anchor}` stands for nothing", f"Mark a value before it with `&{anchor}`.")
        self._spend(known[1], span)
        return known[0]

    def _sequence(self, span: Span, depth: int) -> Sequence:
        items: list[Node] = []
        while not isinstance(event := self._next(), events.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return Sequence(tuple(items), _through(span, event))

    def _mapping(self, span: Span, depth: int) -> Mapping:
        entries: dict[str, Entry] = {}
        while not isinstance(event := self._next(), events.MappingEndEvent):
            key = self._node(event, depth + 1)
            value = self._node(self._next(), depth + 1)
            if not isinstance(key, Scalar):
                self._report.error(key.span, "a name must be a word, not a list or a map")
                continue
            self._enter(entries, key, value)
        return Mapping(entries, _through(span, event))

    def _enter(self, entries: dict[str, Entry], key: Scalar, value: Node) -> None:
        if SECRET_NAME.search(key.text) and not (isinstance(value, Scalar) and names_a_key(key.text, value.text)):
            self._hide(value)
        if key.text == "<<" and not key.quote:
            self._report.error(key.span, "merge keys (`<<`) are not read", "Write the values out, or use an alias for a whole value.")
        elif key.text in entries:
            first = entries[key.text].key
            self._report.error(key.span, f"`{key.text}` stands twice; the first is on line {first.line}", "Remove one of them.")
        else:
            entries[key.text] = Entry(key.span, value)

    def _hide(self, node: Node) -> None:
        """Whatever stands where a secret belongs is never shown, references apart."""
        below = [entry.value for entry in node.entries.values()] if isinstance(node, Mapping) else []
        for inside in node.items if isinstance(node, Sequence) else below:
            self._hide(inside)
        if isinstance(node, Scalar) and isinstance(node.value, str) and not REFERENCE.fullmatch(node.text):
            self._report.hide(node.text)

    def _no_tag(self, tag: str | None, kind: str, span: Span) -> None:
        if tag is not None and tag not in ("!", _TAG + kind):
            self._report.error(span, f"the tag `{_shown_tag(tag)}` is not read here", "Remove it.")

    def _scalar(self, event: events.ScalarEvent, span: Span) -> Scalar:
        text, tag = event.value, event.tag
        quote = event.style or ""
        if tag is None:
            return Scalar(plain_value(text) if not quote else text, text, quote, span)
        if tag not in ("!", _TAG + "str"):
            self._report.error(span, f"the tag `{_shown_tag(tag)}` is not read here", "Remove it.")
        return Scalar(text, text, quote or '"', span)


def plain_value(text: str) -> ScalarValue:
    """What a plain word stands for, without quotes around it."""
    if text in _BOOL:
        return _BOOL[text]
    if text in _NULL:
        return None
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and len(text) <= 64:
        return YamlFloat(text)
    return text


def _shown_tag(tag: str) -> str:
    return tag.replace(_TAG, "!!")[:40]


def _span(event: events.Event) -> Span:
    start, end = event.start_mark, event.end_mark
    assert start is not None
    assert end is not None
    return Span(start.line + 1, start.column + 1, end.line + 1, end.column + 1)


def _through(start: Span, end: events.Event) -> Span:
    last = _span(end)
    return Span(start.line, start.column, last.end_line, last.end_column)


def _place(text: str, index: int) -> tuple[int, int]:
    before = text[:index]
    return before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1


def _syntax_error(error: yaml.MarkedYAMLError, report: Report) -> None:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    said = report.lines[line - 1] if line <= len(report.lines) else ""
    here = said[column - 1 : column]
    message, help = error.problem or "this is not YAML", ""
    if here == "\t" or said[:column].strip(" ").startswith("\t"):
        message, help = "a tab cannot indent YAML", "Use spaces."
    elif "cannot start any token" in message and here in "@`%":
        message, help = f"a plain word cannot begin with `{here}`", "Put the value in quotes."
    elif "mapping values are not allowed" in message:
        help = "Is a space or a quote missing, or the line indented too far?"
    elif error.context_mark is not None and error.context_mark.line + 1 != line:
        help = f"It began on line {error.context_mark.line + 1} ({error.context or 'here'})."
    report.error(Span(line, column, line, column + 1), f"YAML: {message}", help)
