"""What the checker knows of one part, and what it gathers about the whole expression."""

import difflib
from collections.abc import Mapping
from typing import Final

import msgspec

from orchvynt.language.expressions import closures
from orchvynt.language.expressions.closures import Run
from orchvynt.language.expressions.syntax import Expr, ExpressionError, Literal
from orchvynt.language.kinds import Type
from orchvynt.language.variables import STAGE_WORDS, TABLES, Stage, Variable

_ROOTS: Final = {stage: frozenset(name.partition(".")[0] for name in table) for stage, table in TABLES.items()}


class Code(msgspec.Struct, frozen=True, gc=False):
    """One checked part. `variable` is set where it is exactly one variable, `key` where it is one key of a variable that is a map,
    `literal` where it is one literal, `items` where it is a list of literals."""

    type: Type
    run: Run
    variable: str = ""
    key: tuple[str, str] | None = None
    literal: Literal | None = None
    items: tuple[str | float | bool | None, ...] | None = None

    @property
    def text(self) -> str | None:
        """The text, where it is a literal string."""
        return self.literal.value if self.literal is not None and isinstance(self.literal.value, str) else None

    @property
    def amount(self) -> float | None:
        """The number, where it is a literal number."""
        return self.literal.value if self.literal is not None and isinstance(self.literal.value, float) else None


class Findings:
    """`names` are the variables that are read, `keys` the keys of maps as `context.x`, `problems` what is wrong. `bound` are the names of
    quantifiers around the part that is being checked."""

    def __init__(self, stage: Stage) -> None:
        self.stage: Final = stage
        self.table: Final[Mapping[str, Variable]] = TABLES[stage]
        self.bound: dict[str, Type] = {}
        self.names: set[str] = set()
        self.keys: set[str] = set()
        self.problems: list[ExpressionError] = []
        self.needs_meter = False

    def problem(self, node: Expr, message: str, help: str = "") -> Code:
        """Notes what is wrong; the part counts as a value of any type from there on."""
        self.problems.append(ExpressionError(node.start, node.end, message, help))
        return Code(Type.ANY, closures.constant(None))

    def is_root(self, name: str) -> bool:
        """Whether the name is a variable, or the first part of some."""
        return name in _ROOTS[self.stage]

    def unknown(self, node: Expr, name: str) -> Code:
        """A name that this stage does not have: the stages that have it, or the nearest name, or a list."""
        return self.problem(node, f"unknown name `{name}`", self._elsewhere(name) or self._nearest(name))

    def _elsewhere(self, name: str) -> str:
        for known in (name, name.partition(".")[0]):
            having = [stage for stage, table in TABLES.items() if known in table or known in _ROOTS[stage]]
            if self.stage in having:
                break
            if having:
                return self._exists(known, *having)
        return ""

    def _exists(self, name: str, *stages: Stage) -> str:
        return f"`{name}` exists in {'; '.join(STAGE_WORDS[stage] for stage in stages)}; not in {STAGE_WORDS[self.stage]}."

    def _nearest(self, name: str) -> str:
        for cutoff in (0.85, 0.6):
            if near := difflib.get_close_matches(name, [*self.table, *self.bound], n=1, cutoff=cutoff):
                return f"Did you mean `{near[0]}`?"
            for stage, table in TABLES.items():
                if near := difflib.get_close_matches(name, table, n=1, cutoff=max(cutoff, 0.8)):
                    return self._exists(near[0], stage)
        root = name.partition(".")[0]
        if members := sorted(one for one in self.table if one.startswith(f"{root}.")):
            return f"`{root}` has {', '.join(members)}."
        return f"Known here: {', '.join(sorted(_ROOTS[self.stage]))}."


def has_members(root: str) -> bool:
    """Whether some stage has variables of that root, as `output.text`; a variable that is a map is none of these."""
    return any(root in roots and root not in TABLES[stage] for stage, roots in _ROOTS.items())
