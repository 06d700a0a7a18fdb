"""The best of a rule's candidates: those that may be asked and pass its test, by cost, latency, quality or an expression."""

from typing import Final, NamedTuple

import msgspec

from orchvynt.decisions.routing.figures import Observed, figures
from orchvynt.decisions.routing.filters import Filters
from orchvynt.language.scope import CandidateValues, RequestValues
from orchvynt.language.snapshot import Choose, EvaluationError, Expression, Model, Rule, Snapshot
from orchvynt.language.variables import CANDIDATE_NAMES
from orchvynt.model.candidates import CandidateRejected

UNRANKED: Final = float("inf")
_FIGURES: Final = {"cost": "cost", "latency": "p95_ms", "quality": "quality"}


class Chosen(msgspec.Struct, frozen=True):
    """`model` is None where no candidate passed. `unmeasured` is what passed unmeasured of the chosen one; `read` are the figures that
    test and preference read, by candidate."""

    model: Model | None
    why: str
    unmeasured: tuple[str, ...]
    rejected: tuple[CandidateRejected, ...]
    read: dict[str, object]


class _Passed(NamedTuple):
    """A candidate that passed, with the number that it is preferred by (lowest first), and that number in words."""

    model: Model
    rank: float
    said: str
    unmeasured: tuple[str, ...] = ()


def choose(snapshot: Snapshot, rule: Rule, asked: Choose, filters: Filters, values: RequestValues, observed: Observed, mono: int) -> Chosen:
    passed: list[_Passed] = []
    rejected: list[CandidateRejected] = []
    read: dict[str, object] = {}
    for name in asked.models:
        model = snapshot.models[name]
        verdict = filters.check(model)
        if isinstance(verdict, CandidateRejected):
            rejected.append(verdict)
            continue
        of_it = CandidateValues(values, figures(model, values.invocation, observed, mono))
        weighed = _weigh(model, asked, of_it)
        if isinstance(weighed, CandidateRejected):
            rejected.append(weighed)
        else:
            if of_it.unmeasured:
                verdict = tuple(dict.fromkeys((*verdict, *sorted(of_it.unmeasured))))
            passed.append(_Passed(model, weighed[0], weighed[1], verdict))
        # Names and figures of one candidate only: what is the request's was read into `values`.
        read[name] = dict(of_it)
    if not passed:
        return Chosen(None, "", (), tuple(rejected), read)
    best = min(passed, key=lambda one: one.rank)
    if len(passed) > 1:
        behind = f"and {best.model.name} has {best.said}"
        rejected += [CandidateRejected(one.model.name, f"{one.said}, {behind}", "prefer") for one in passed if one is not best]
    return Chosen(best.model, f"rule {rule.name}: {best.said}, the best of {len(passed)}", best.unmeasured, tuple(rejected), read)


def _weigh(model: Model, asked: Choose, values: CandidateValues) -> CandidateRejected | tuple[float, str]:
    """Why it does not pass; else the number that it is preferred by, and that in words."""
    if asked.where is not None:
        try:
            if not values.satisfies(asked.where):
                return CandidateRejected(model.name, f"where: {_said(asked.where, values)}", "where")
        except EvaluationError as error:
            return CandidateRejected(model.name, f"where failed: {error}", "where")
    if isinstance(asked.prefer, str):
        return _by_word(asked.prefer, values)
    try:
        rank = values.ranked(asked.prefer)
    except EvaluationError as error:
        return UNRANKED, f"a preference that failed ({error})"
    return UNRANKED if rank is None else rank, f"{asked.prefer.text} = {_number(rank)}"


def _by_word(word: str, values: CandidateValues) -> tuple[float, str]:
    name = _FIGURES[word]
    figure = getattr(values.figures, name)
    if figure is None:
        values.unmeasured.add(name)
        return UNRANKED, f"{name} unmeasured"
    values[name] = figure
    return -figure if word == "quality" else figure, f"{name} {_number(figure)}"


def _said(where: Expression, values: CandidateValues) -> str:
    """The candidate's own figures that the test reads, with the numbers that decided."""
    parts = []
    for name in sorted(where.names & CANDIDATE_NAMES - {"model"}):
        value = getattr(values.figures, name)
        parts.append(f"{name} {_number(value) if value is None or isinstance(value, float) else str(value).lower()}")
    return ", ".join(parts) or f"{where.text} is false"


def _number(value: float | None) -> str:
    return "unmeasured" if value is None else f"{value:.6g}"
