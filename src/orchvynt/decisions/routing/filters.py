"""Which models an invocation may go to at all: what its key allows, where it may be served, how good it must be, what it must take.

These bind every candidate of a plan, whatever named it: a rule, the caller, a chain. The order is the policy reference's.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

from orchvynt.catalog.bounds import input_tokens_bound, input_tokens_ceiling, input_tokens_least
from orchvynt.decisions.routing.names import fits
from orchvynt.decisions.routing.quality import Scores
from orchvynt.language.snapshot import Constraint, EvaluationError, Model, Snapshot
from orchvynt.model.candidates import CandidateRejected
from orchvynt.model.invocation import Invocation

By = Literal["allow_models", "constraint", "min_quality", "context", "tools", "images", "json_schema", "where", "prefer"]
ORDER: Final[tuple[By, ...]] = ("allow_models", "constraint", "min_quality", "context", "tools", "images", "json_schema", "where", "prefer")
"""The order in which a candidate is weighed."""

_NOTHING: Final[tuple[str, ...]] = ()
_LENGTH_UNKNOWN: Final[tuple[str, ...]] = ("context",)
_NO_ALLOWED: Final[frozenset[str]] = frozenset()


class Bound(NamedTuple):
    """A constraint that binds this invocation. `why` is set where it does because its condition failed."""

    regions: frozenset[str]
    why: str = ""


class Filters:
    """What binds one invocation. `only_length`: nothing but its length, and `ceiling` tokens are the most that it comes to."""

    __slots__ = ("_allowed", "_bounds", "_invocation", "_output", "_scores", "_wants", "ceiling", "only_length")

    def __init__(self, snapshot: Snapshot, invocation: Invocation, values: Mapping[str, object], scores: Scores) -> None:
        self._invocation = invocation
        self._scores = scores
        self._allowed: frozenset[str] | None = None
        if invocation.key:
            key = snapshot.keys.get(invocation.key)
            # A key that this policy does not have may use nothing.
            self._allowed = key.allow_models if key is not None else _NO_ALLOWED
        self._bounds = binding(snapshot.constraints, values) if snapshot.constraints else ()
        ask = invocation.ask
        self._output = (ask.max_output_tokens or 0) * ask.choices
        self.ceiling = input_tokens_ceiling(ask) + self._output
        self._wants: list[By] = []
        if ask.tool_names:
            self._wants.append("tools")
        if ask.image_count:
            self._wants.append("images")
        if ask.wants_json_schema:
            self._wants.append("json_schema")
        # Most invocations: nothing but their length binds them.
        self.only_length = not (self._bounds or self._wants) and self._allowed is None and invocation.claims.min_quality is None

    def check(self, model: Model) -> CandidateRejected | tuple[str, ...]:
        """Why the model may not be asked; else what nobody knows of it and that therefore passes."""
        if self.only_length:
            window = model.context_window
            if not window:
                return _LENGTH_UNKNOWN
            if self.ceiling <= window:
                return _NOTHING
        if self._allowed is not None and not is_allowed(model.name, self._allowed):
            return CandidateRejected(model.name, f"key {self._invocation.key} may not use it", "allow_models")
        for bound in self._bounds:
            if model.region not in bound.regions:
                where = f"region {model.region}" if model.region else "its region, which is unknown,"
                why = f"{where} is not in {', '.join(sorted(bound.regions))}{bound.why}"
                return CandidateRejected(model.name, why, "constraint")
        unknown = _NOTHING
        floor = self._invocation.claims.min_quality
        if floor is not None:
            quality = self._scores.quality(model, self._invocation.claims.workload)
            if quality is None:
                unknown = ("quality",)
            elif quality < floor:
                return CandidateRejected(model.name, f"min_quality {floor:g} > {quality:.4g}", "min_quality")
        return self._capable(model, unknown)

    def _capable(self, model: Model, unknown: tuple[str, ...]) -> CandidateRejected | tuple[str, ...]:
        window = model.context_window
        if not window:
            unknown = (*unknown, "context")
        elif self.ceiling > window and (needed := self._too_long(model, window)):
            return CandidateRejected(model.name, f"context {window} < {needed}", "context")
        for want in self._wants:
            can = getattr(model.capabilities, want)
            if can is None:
                unknown = (*unknown, want)
            elif not can:
                return CandidateRejected(model.name, f"no {want}", want)
        return unknown

    def _too_long(self, model: Model, window: int) -> int:
        """How many tokens it needs at least, if that is more than the window; else 0.

        The bound is of bytes and holds for certain; a request between it and what is plausible is for the provider to judge, and a
        refusal of the provider goes to the next tier.
        """
        ask = self._invocation.ask
        if input_tokens_bound(ask, model.provider.kind) + self._output <= window:
            return 0
        least = input_tokens_least(ask) + self._output
        return least if least > window else 0


def binding(constraints: Sequence[Constraint], values: Mapping[str, object]) -> tuple[Bound, ...]:
    """The constraints that bind. One whose condition fails binds: a rule about where data may go does not open by mistake."""
    found = []
    for constraint in constraints:
        try:
            if constraint.when is None or constraint.when.evaluate(values) is True:
                found.append(Bound(constraint.regions))
        except EvaluationError as error:
            found.append(Bound(constraint.regions, f" (the condition of this constraint failed: {error})"))
    return tuple(found)


def is_allowed(name: str, allowed: frozenset[str]) -> bool:
    """Whether a key that allows these names and patterns allows this model."""
    return name in allowed or any(fits(pattern, name) for pattern in allowed)
