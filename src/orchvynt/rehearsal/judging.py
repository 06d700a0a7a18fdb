"""Compares what was expected with what happened, expectation by expectation, and says in words where they differ."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from orchvynt.rehearsal.happened import Happened

BUDGET_CODES: Final = ("budget_exceeded", "run_stopped")


class Difference(msgspec.Struct, frozen=True):
    """`name` is the expectation; empty where none of them is at fault, but the test as a whole."""

    name: str
    expected: Any
    happened: Any
    message: str


class _Measure(msgspec.Struct, frozen=True):
    """`of` gives what happened, `holds(expected, happened)` whether that is what was expected, `nothing` the words for an empty value."""

    of: Callable[[Happened], Any]
    holds: Callable[[Any, Any], bool]
    nothing: str


def _same(expected: Any, happened: Any) -> bool:
    return bool((expected or "") == (happened or ""))


def _exactly(expected: Any, happened: Any) -> bool:
    """In any order."""
    return set(_names(expected)) == set(happened)


def _among(expected: Any, happened: Any) -> bool:
    """All that are expected, and perhaps others; but `[]` means that there are none."""
    return set(_names(expected)) <= set(happened) if _names(expected) else not happened


def _trigger(expected: Any, happened: Any) -> bool:
    """One word is one of those that activated a fallback, a list is all of them in order."""
    if isinstance(expected, list | tuple):
        return list(expected) == list(happened)
    return expected in happened if expected else not happened


def _limited(expected: Any, happened: Any) -> bool:
    return bool(str(expected or "").removeprefix("budget:") == happened)


def _names(expected: Any) -> list[str]:
    return [expected] if isinstance(expected, str) else list(expected or ())


def _budgets(happened: Happened) -> tuple[str, ...]:
    """Where a budget refused the call, those that had no room; else those that applied."""
    return happened.breached if happened.refused in BUDGET_CODES else happened.budgets


NOBODY: Final = "nobody answered"
MEASURES: Final[Mapping[str, _Measure]] = MappingProxyType(
    {
        "model": _Measure(lambda one: one.model, _same, NOBODY),
        "provider": _Measure(lambda one: one.provider, _same, NOBODY),
        "tier": _Measure(lambda one: one.tier, _same, NOBODY),
        "rule": _Measure(lambda one: one.rule, _same, "no rule matched"),
        "trigger": _Measure(lambda one: one.triggers, _trigger, "no fallback was activated"),
        "gates": _Measure(lambda one: one.gates, _exactly, "no gate matched"),
        "budgets": _Measure(_budgets, _among, "no budget applied"),
        "refused": _Measure(lambda one: one.refused, _same, "it was not refused"),
        "status": _Measure(lambda one: one.status, _same, "it got no status"),
        "rejected": _Measure(lambda one: one.rejected, _among, "no model was rejected"),
        "run": _Measure(lambda one: one.run, _same, "it belongs to no run"),
        "limited_by": _Measure(lambda one: one.limited_by, _limited, "nothing limited the output"),
    }
)
"""Every expectation that a test may have."""


def differences(expect: Mapping[str, Any], happened: Happened, aliases: Mapping[str, str]) -> list[Difference]:
    """Where the test is not met, in the order of its expectations. A model may be expected by an alias."""
    found = []
    for name, expected in expect.items():
        measure = MEASURES.get(name)
        if measure is None:
            found.append(Difference(name, expected, None, f"there is no expectation `{name}`"))
            continue
        value = measure.of(happened)
        if not measure.holds(_by_name(name, expected, aliases), value):
            was = f"`{name}` is {_shown(value)}" if value else measure.nothing
            found.append(Difference(name, expected, value or None, f"{was}, expected {_shown(expected)}"))
    if not happened.routed and not {"refused", "status"} & expect.keys() and not expect.get("gates"):
        # Else a test whose request is malformed would meet `gates: []` without having tested anything. A gate that is expected, and looks
        # at requests, is why nothing was routed.
        said = f"the request was refused ({happened.status} {happened.refused}) before it was routed, and the test does not expect that"
        found.append(Difference("", None, happened.refused, said))
    return found


def _by_name(name: str, expected: Any, aliases: Mapping[str, str]) -> Any:
    if name == "model":
        return aliases.get(expected, expected)
    return [aliases.get(model, model) for model in _names(expected)] if name == "rejected" else expected


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return str(value[0]) if len(value) == 1 else f"[{', '.join(str(part) for part in value)}]"
    return str(value) if value not in (None, "") else "none"
