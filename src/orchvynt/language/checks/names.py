"""Every definition in the policy has a well-formed name that stands once; gives what the names of the policy lead to."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from orchvynt.language.document.scalars import NAME_PATTERN, shown
from orchvynt.language.report import Report, Span
from orchvynt.language.source import Source
from orchvynt.language.yaml_marks import Entry, Node, Scalar, Sequence
from orchvynt.language.yaml_marks import Mapping as Map

RESERVED_MODEL = "auto"
_NAME = re.compile(NAME_PATTERN)
_NAME_HELP = "Names are up to 100 letters, digits and . _ : / @ + - and begin with a letter or a digit."
_NAMED: Final = ("providers", "models", "groups", "notify")
_LISTED: Final = (
    ("rule", "routing.rules"),
    ("budget", "budgets"),
    ("rate limit", "rate_limits"),
    ("gate", "gates"),
    ("key", "keys"),
    ("test", "tests"),
)


class Names(msgspec.Struct):
    """What is defined, the broken definitions too: a reference to one of those is not a second error.

    `models` gives the model's own name for a name or an alias; `others` the names of everything else by what they name.
    """

    models: Mapping[str, str]
    patterns: "Patterns"
    others: Mapping[str, tuple[str, ...]]

    def model(self, name: str) -> str | None:
        """The model's own name; of what only a pattern knows the name itself."""
        found = self.models.get(name)
        return name if found is None and self.patterns.first(name) else found


def is_pattern(name: str) -> bool:
    return "*" in name


class Patterns:
    """The patterns in their order, found by what stands before the `*`."""

    def __init__(self) -> None:
        self._tails: dict[str, list[tuple[int, str]]] = {}
        self._count = 0

    def add(self, pattern: str) -> None:
        head, _, tail = pattern.partition("*")
        self._tails.setdefault(head, []).append((self._count, tail))
        self._count += 1

    def first(self, name: str) -> str:
        """The first that matches the name, or all that another pattern does; empty where none does."""
        found = [
            (number, name[:end], tail)
            for end in range(len(name) + 1)
            for number, tail in self._tails.get(name[:end], ())
            if name.endswith(tail) and len(name) >= end + len(tail)
        ]
        return "{1}*{2}".format(*min(found)) if found else ""


def check_names(source: Source, report: Report) -> Names:
    """All definitions."""
    root = source.node
    defined = {section: _names_of(_at(root, section)) for section in (*_NAMED, "fallback.chains")}
    for section in _NAMED:
        _are_names(section, _at(root, section), report)
    _are_names("fallback.chains", _at(root, "fallback.chains"), report)
    _check_models(source, report)
    listed = {kind: _items_of(_at(root, path)) for kind, path in _LISTED}
    for kind, path in _LISTED:
        _stand_once(kind, path, listed[kind], report)
    others = {kind: tuple(dict.fromkeys(scalar.text for _, scalar in found)) for kind, found in listed.items()}
    others |= {
        "provider": defined["providers"],
        "group": defined["groups"],
        "destination": defined["notify"],
        "chain": defined["fallback.chains"],
    }
    models = _aliases(source, tuple(name for name in defined["models"] if not is_pattern(name)), report)
    patterns = Patterns()
    for name in defined["models"]:
        if is_pattern(name):
            patterns.add(name)
    return Names(models, patterns, others)


def _at(root: Map, path: str) -> Node | None:
    node: Node | None = root
    for step in path.split("."):
        entry = node.entries.get(step) if isinstance(node, Map) else None
        node = entry.value if entry is not None else None
    return node


def _names_of(node: Node | None) -> tuple[str, ...]:
    return tuple(node.entries) if isinstance(node, Map) else ()


def _items_of(node: Node | None) -> list[tuple[int, Scalar]]:
    """The names of a list's items, each with its position."""
    found = []
    for number, item in enumerate(node.items if isinstance(node, Sequence) else ()):
        entry = item.entries.get("name") if isinstance(item, Map) else None
        if entry is not None and isinstance(entry.value, Scalar) and entry.value.text:
            found.append((number, entry.value))
    return found


def _are_names(section: str, node: Node | None, report: Report) -> None:
    for name, entry in node.entries.items() if isinstance(node, Map) else ():
        plain = name.replace("*", "x") if section == "models" else name
        if not _NAME.fullmatch(plain):
            report.error(entry.key, f"{shown(name)} is not a name", _NAME_HELP, f"{section}.{name[:100]}")


def _stand_once(kind: str, path: str, items: Iterable[tuple[int, Scalar]], report: Report) -> None:
    first: dict[str, Span] = {}
    for number, scalar in items:
        if scalar.text in first:
            said = f"a {kind} named {shown(scalar.text)} stands on line {first[scalar.text].line} already"
            report.error(scalar.span, said, "Give it another name.", f"{path}[{number}].name")
        first.setdefault(scalar.text, scalar.span)


def _check_models(source: Source, report: Report) -> None:
    earlier = Patterns()
    for name, model in source.models.items():
        if name == RESERVED_MODEL:
            report.error(model.key, "`auto` stands for `routing.default` and cannot name a model", "Choose another name.", model.path)
        if not is_pattern(name):
            continue
        if name.count("*") > 1:
            report.error(model.key, "a pattern has one `*`", "Write a pattern for each part.", model.path)
        for field, why in (("model", "a pattern asks for the name that the agent names"), ("aliases", "a pattern has no aliases")):
            if field in model.node.entries:
                report.error(model.name_at(field), why, f"Remove `{field}`.", f"{model.path}.{field}")
        hidden_by = earlier.first(name)
        if hidden_by:
            said = f"the pattern `{name}` is never reached: `{hidden_by}` before it matches all that it does"
            report.error(model.key, said, "Put it first.", model.path)
        earlier.add(name)


def _aliases(source: Source, model_names: tuple[str, ...], report: Report) -> dict[str, str]:
    by_name = {name: name for name in model_names}
    for name, model in source.models.items():
        for number, alias in enumerate(model.section.aliases):
            span, path = model.at("aliases", number), f"{model.path}.aliases[{number}]"
            if alias == RESERVED_MODEL:
                report.error(span, "`auto` stands for `routing.default` and cannot be an alias", "Choose another name.", path)
            elif alias in by_name:
                said = f"`{alias}` is a model already" if alias in model_names else f"`{alias}` is an alias of `{by_name[alias]}` already"
                report.error(span, said, "Remove it.", path)
            elif not is_pattern(name):
                by_name[alias] = name
    for path, node in source.broken:
        if path.startswith("models.") and isinstance(aliases := node.entries.get("aliases", Entry(node.span, node)).value, Sequence):
            # Whatever else is wrong with the model, what refers to it by these names is right.
            for item in aliases.items:
                if isinstance(item, Scalar):
                    by_name.setdefault(item.text, path.removeprefix("models."))
    return by_name
