"""Makes the Python closures that an expression becomes; each takes the values and gives the result.

Closures cost about 0.1 µs where a tree walk costs several; the plain interpreter of the tests holds them to the same meaning.
"""

from collections.abc import Callable

import re2

from orchvynt.language.expressions import values
from orchvynt.language.expressions.values import Frame, Meter, Values
from orchvynt.language.snapshot import EvaluationError

Run = Callable[[Values], object]

_MATCH_UNITS = 10


def constant(value: object) -> Run:
    return lambda _: value


def variable(name: str) -> Run:
    return lambda v: v[name]


def member(target: Run, name: str) -> Run:
    return lambda v: values.member(target(v), name)


def of_context(variable_name: str, key: str) -> Run:
    """`context.key`, the access that policies make most."""
    return lambda v: v[variable_name].get(key)  # type: ignore[attr-defined]  # a map by the table of variables


def indexed(target: Run, key: Run) -> Run:
    return lambda v: values.indexed(target(v), key(v))


def present(target: Run) -> Run:
    """`has`: true where the value is there and not null."""
    return lambda v: target(v) is not None


def list_of(items: tuple[Run, ...]) -> Run:
    return lambda v: [item(v) for item in items]


def same(left: Run, right: Run, simple: bool) -> Run:
    """Equality. `simple` says that Python's own `==` gives the same: both are strings, or both are numbers of the policy's own."""
    if simple:
        return lambda v: left(v) == right(v)
    return lambda v: values.equal(left(v), right(v))


def variable_is(name: str, value: str) -> Run:
    """`workload == "x"`, the commonest condition of all."""
    return lambda v: v[name] == value


def different(run: Run) -> Run:
    return lambda v: not run(v)


def ordered(kind: str, left: Run, right: Run, simple: bool) -> Run:
    if not simple:
        return lambda v: values.ordered(kind, left(v), right(v))
    match kind:
        case "<":
            return lambda v: left(v) < right(v)  # type: ignore[operator]  # two numbers or two strings, by the checker
        case "<=":
            return lambda v: left(v) <= right(v)  # type: ignore[operator]
        case ">":
            return lambda v: left(v) > right(v)  # type: ignore[operator]
        case _:
            return lambda v: left(v) >= right(v)  # type: ignore[operator]


def calculated(kind: str, left: Run, right: Run) -> Run:
    return lambda v: values.calculated(kind, left(v), right(v))


def negative(operand: Run) -> Run:
    def run(v: Values) -> object:
        value = operand(v)
        if values.kind(value) != "number":
            raise EvaluationError(f"`-` cannot take {values.kind(value)}")
        return -values.number(value)

    return run


def string_in(item: str, name: str) -> Run:
    """`"x" in flags`."""
    return lambda v: item in v[name]  # type: ignore[operator]  # a list by the table of variables


def contained(item: Run, container: Run) -> Run:
    return lambda v: values.contained(item(v), container(v), _meter(v))


def size(target: Run) -> Run:
    return lambda v: values.size(target(v))


def conditional(condition: Run, then: Run, otherwise: Run) -> Run:
    return lambda v: then(v) if condition(v) else otherwise(v)


def logical(kind: str, operands: tuple[Run, ...]) -> Run:
    """`&&` and `||` as CEL has them: an error on one side counts only if no other side decides."""
    decides = kind == "||"
    if len(operands) == 2:
        return _both(operands[0], operands[1], decides)

    def run(v: Values) -> object:
        failure: EvaluationError | None = None
        for operand in operands:
            try:
                if operand(v) is decides:
                    return decides
            except EvaluationError as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return not decides

    return run


def _both(first: Run, second: Run, decides: bool) -> Run:
    def run(v: Values) -> object:
        try:
            if first(v) is decides:
                return decides
        except EvaluationError:
            if second(v) is decides:
                return decides
            raise
        return second(v)

    return run


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
    """`exists` and `all`, with the same rule for errors as `||` and `&&`."""
    decides = kind == "exists"

    def run(v: Values) -> object:
        found, meter = items(v), _meter(v)
        if not isinstance(found, (list, tuple)):
            raise EvaluationError(f"`{kind}` needs a list, not {values.kind(found)}")
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
                failure = failure or error
        if failure is not None:
            raise failure
        return not decides

    return run


def metered(run: Run) -> Run:
    """The outermost closure of an expression that searches or loops: it brings the meter."""
    return lambda v: run(Frame(v, Meter()))


def _meter(v: Values) -> Meter:
    assert isinstance(v, Frame)
    return v.meter
