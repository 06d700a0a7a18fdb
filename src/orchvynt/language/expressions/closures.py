"""Makes the Python closures that an expression becomes; each takes the values and gives the result.

A closure costs about 0.1 µs where a tree walk costs several. The shapes that policies are full of have their own (shortcuts.py).
"""

from collections.abc import Callable
from typing import Final

import re2

from orchvynt.language.expressions import values
from orchvynt.language.expressions.values import Frame, Meter, NotKnownYetError, Values
from orchvynt.language.snapshot import EvaluationError

Run = Callable[[Values], object]

_MATCH_UNITS: Final = 10


def constant(value: object) -> Run:
    return lambda _: value


def variable(name: str) -> Run:
    return lambda v: v[name]


def member(target: Run, name: str) -> Run:
    return lambda v: values.member(target(v), name)


def key_of(variable_name: str, key: str) -> Run:
    """`context.key`, the access that policies make most."""
    return lambda v: v[variable_name].get(key)  # type: ignore[attr-defined]  # a map by the table of variables


def indexed(target: Run, key: Run) -> Run:
    return lambda v: values.indexed(target(v), key(v))


def present(target: Run) -> Run:
    """`has`: true where the value is there and not null."""
    return lambda v: target(v) is not None


def list_of(items: tuple[Run, ...]) -> Run:
    return lambda v: [item(v) for item in items]


def same(left: Run, right: Run) -> Run:
    """Equality where Python's own `==` gives the same: a string on one side, or two numbers, or two booleans."""
    return lambda v: left(v) == right(v)


def equal(left: Run, right: Run) -> Run:
    """Equality where at most one side is a list or a map."""
    return lambda v: values.equal(left(v), right(v))


def deep_equal(left: Run, right: Run) -> Run:
    return lambda v: values.deep_equal(left(v), right(v), _meter(v))


def different(run: Run) -> Run:
    return lambda v: not run(v)


def ordered_alike(kind: str, left: Run, right: Run) -> Run:
    """Two numbers or two strings, by the checker."""
    compare = values.ORDERS[kind]
    return lambda v: compare(left(v), right(v))


def ordered(kind: str, left: Run, right: Run) -> Run:
    return lambda v: values.ordered(kind, left(v), right(v))


def calculated(kind: str, left: Run, right: Run) -> Run:
    return lambda v: values.calculated(kind, left(v), right(v))


def calculated_numbers(kind: str, left: Run, right: Run) -> Run:
    """Of two parts that are always numbers."""
    calculate = values.CALCULATIONS[kind]
    return lambda v: calculate(float(left(v)), float(right(v)))  # type: ignore[arg-type]  # two numbers, by the checker


def joined(left: Run, right: Run) -> Run:
    """`+` where both sides may be strings."""
    return lambda v: values.joined(left(v), right(v), _meter(v))


def negative(operand: Run) -> Run:
    def run(v: Values) -> object:
        value = operand(v)
        if values.kind(value) != "number":
            raise EvaluationError(f"`-` cannot take {values.kind(value)}")
        return -values.number(value)

    return run


def contained(item: Run, container: Run) -> Run:
    return lambda v: values.contained(item(v), container(v), _meter(v))


def size(target: Run) -> Run:
    return lambda v: values.size(target(v))


def conditional(condition: Run, then: Run, otherwise: Run) -> Run:
    return lambda v: then(v) if condition(v) else otherwise(v)


def logical(kind: str, operands: tuple[Run, ...]) -> Run:
    """`&&` and `||` as CEL has them: an error on one side counts only if no other side decides."""
    decides = kind == "||"
    first, *rest = operands
    following = rest[0] if len(rest) == 1 else logical(kind, tuple(rest))

    def run(v: Values) -> object:
        try:
            if first(v) is decides:
                return decides
        except EvaluationError as error:
            return _despite(error, following, v, decides)
        return following(v)

    return run


def _despite(failure: EvaluationError, following: Run, v: Values, decides: bool) -> bool:
    try:
        if following(v) is decides:
            return decides
    except EvaluationError as error:
        failure = graver(failure, error)
    try:
        raise failure from None
    finally:
        # Its traceback holds this frame, and with it all that the condition reads: without this only the collector would end them.
        del failure


def graver(first: EvaluationError, second: EvaluationError) -> EvaluationError:
    """Which of two failures is told: what is not known yet may still decide, so it leaves the whole open."""
    return second if isinstance(second, NotKnownYetError) and not isinstance(first, NotKnownYetError) else first


def text_method(name: str, target: Run, argument: Run) -> Run:
    """startsWith, endsWith and contains."""

    def run(v: Values) -> object:
        text, part = target(v), argument(v)
        if not isinstance(text, str) or not isinstance(part, str):
            raise EvaluationError(f"`{name}` cannot take {values.kind(text)} and {values.kind(part)}")
        if name == "startsWith":
            return text.startswith(part)
        if name == "endsWith":
            return text.endswith(part)
        _meter(v).spend(1 + len(text) // 1024)
        return part in text

    return run


def matches(target: Run, pattern: "re2._Regexp") -> Run:
    """RE2 takes time linear in the text, whatever the pattern."""

    def run(v: Values) -> object:
        text = target(v)
        if not isinstance(text, str):
            raise EvaluationError(f"`matches` cannot take {values.kind(text)}")
        _meter(v).spend(1 + _MATCH_UNITS * len(text) // 1024)
        try:
            return pattern.search(text) is not None
        except UnicodeEncodeError as error:
            raise EvaluationError("the text holds a character that is none (a lone surrogate)") from error

    return run


def quantified(kind: str, items: Run, name: str, predicate: Run, cost: int) -> Run:
    """`exists` and `all` over the items of a list or the keys of a map, with the same rule for errors as `||` and `&&`."""
    decides = kind == "exists"

    def run(v: Values) -> object:
        found, meter = values.whole(items(v)), _meter(v)
        if not isinstance(found, (list, tuple, dict)):
            raise EvaluationError(f"`{kind}` needs a list or a map, not {values.kind(found)}")
        frame = Frame(v, meter, name)
        failure: EvaluationError | None = None
        for item in found:
            meter.spend(cost)
            frame.item = item
            try:
                if predicate(frame) is decides:
                    return decides
            except EvaluationError as error:
                if meter.left < 0:
                    raise
                failure = error if failure is None else graver(failure, error)
        if failure is not None:
            raise failure
        return not decides

    return run


def detects(names: tuple[str, ...]) -> Run:
    """Whether one of the counts is not zero; those behind it are not looked for."""
    return lambda v: any(v[name] for name in names)


def metered(run: Run) -> Run:
    """The outermost closure of an expression that searches or loops: it brings the meter."""
    return lambda v: run(Frame(v, Meter()))


def _meter(v: Values) -> Meter:
    assert isinstance(v, Frame)
    return v.meter
