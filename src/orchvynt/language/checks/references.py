"""Every name in the policy leads to something that exists; what is nearest stands beside the one that does not."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

from orchvynt.language.checks.names import Names, is_pattern
from orchvynt.language.document.scalars import shown
from orchvynt.language.report import Report
from orchvynt.language.walking import Reference
from orchvynt.language.wording import nearest

_SHOWN_MAX: Final = 10
_ONCE: Final = ("destination", "gates", "budgets")
"""Kinds of names that only lists hold, in which twice means what once does."""

_WORDS: Final = {"destination": "destination of notifications"}


def check_references(found: Sequence[Reference], names: Names, report: Report) -> None:
    listed: set[tuple[str, str]] = set()
    known = {kind: frozenset(defined) for kind, defined in names.others.items()}
    for reference in found:
        if report.full:
            return
        kind, name = reference.kind, reference.name
        if kind in _ONCE:
            place = (reference.path.rpartition("[")[0], name)
            if place in listed:
                report.error(reference.span, f"{shown(name)} stands twice", "Remove it.", reference.path)
                continue
            listed.add(place)
        if kind == "model":
            _model(reference, name, names, report)
        elif kind == "judge":
            if name.startswith("judge:"):
                _model(reference, name.removeprefix("judge:"), names, report)
        elif kind in ("gates", "budgets"):
            defined = names.others[kind[:-1]]
            if name not in known[kind[:-1]] and not any(fnmatchcase(one, name) for one in defined):
                _missing(reference, kind[:-1], name, defined, report)
        elif name not in known[kind] and not (kind == "rule" and not name):
            _missing(reference, kind, name, names.others[kind], report)


def _model(reference: Reference, name: str, names: Names, report: Report) -> None:
    if name in names.models or (reference.patterns and names.model(name) is not None):
        return
    pattern = names.patterns.first(name)
    if is_pattern(name) and pattern:
        help = "A pattern is no model: name one under `models`."
    elif pattern:
        help = f"`{pattern}` serves it only for agents that name it; give it an entry under `models`."
    else:
        _missing(reference, "model", name, tuple(names.models), report)
        return
    report.error(reference.span, f"there is no model {shown(name)}", help, reference.path)


def _missing(reference: Reference, kind: str, name: str, known: tuple[str, ...], report: Report) -> None:
    near = nearest(name, known)
    some = f"The policy has {', '.join(known[:_SHOWN_MAX])}." if known else f"The policy has no {kind}s."
    help = f"Did you mean `{near}`?" if near else some
    report.error(reference.span, f"there is no {_WORDS.get(kind, kind)} {shown(name)}", help, reference.path)
