"""Whether a candidate can ever meet `choose.where`, by what the policy declares of it."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Final

import msgspec

from orchvynt.language.expressions import syntax as ast
from orchvynt.language.expressions.deciding import always
from orchvynt.language.expressions.parser import parse
from orchvynt.language.snapshot import Model

_FACTS: Final = frozenset({"model", "provider", "region", "context_window"})
_STATISTICS: Final = frozenset({"quality", "p50_ms", "p95_ms", "p99_ms"})
_QUALITIES_MAX: Final = 32


def declared_names(statistics: bool) -> frozenset[str]:
    """The variables of which something is declared; statistics may be measured otherwise."""
    return _FACTS | _STATISTICS if statistics else _FACTS


class Candidates:
    """Looks each model and condition up once, however many rules have them."""

    def __init__(self, models: Mapping[str, Model]) -> None:
        self._models = models
        self._trees: dict[str, ast.Expr] = {}
        self._found: dict[tuple[str, str, bool], bool] = {}

    def never_meets(self, name: str, where: str, statistics: bool) -> bool:
        """`where` is a condition that compiles. False for a model that is not known, or of which too much is declared."""
        asked = (name, where, statistics)
        if asked not in self._found:
            model = self._models.get(name)
            if where not in self._trees:
                self._trees[where] = parse(where)
            self._found[asked] = model is not None and _never_holds(self._trees[where], model, statistics)
        return self._found[asked]


def _never_holds(tree: ast.Expr, model: Model, statistics: bool) -> bool:
    if len(model.quality_by_workload) > _QUALITIES_MAX:
        return False
    return all(always(_filled(tree, values), "candidate") is False for values in _declared(model, statistics))


def _declared(model: Model, statistics: bool) -> Iterator[dict[str, str | float]]:
    """Every set of values that is declared; what is not declared passes, so it stays open."""
    axes: dict[str, list[str | float]] = {"model": [model.name], "provider": [model.provider.name], "region": [model.region]}
    if model.context_window:
        axes["context_window"] = [float(model.context_window)]
    if statistics:
        if model.quality is not None:
            axes["quality"] = [model.quality, *model.quality_by_workload.values()]
        latencies = {"p50_ms": model.expect.p50_ms, "p95_ms": model.expect.p95_ms, "p99_ms": model.expect.p99_ms}
        axes |= {name: [value] for name, value in latencies.items() if value is not None}
    for values in product(*axes.values()):
        yield dict(zip(axes, values, strict=True))


def _filled(tree: ast.Expr, values: Mapping[str, str | float]) -> ast.Expr:
    """The tree with literals in place of the variables that are known."""
    if isinstance(tree, ast.Name):
        return ast.Literal(tree.start, tree.end, values[tree.name]) if tree.name in values else tree
    changed: dict[str, object] = {}
    for field in tree.__struct_fields__:
        part = getattr(tree, field)
        if isinstance(part, ast.Node):
            changed[field] = _filled(part, values)  # type: ignore[arg-type]  # every node in a tree is an expression
        elif isinstance(part, tuple):
            changed[field] = tuple(_filled(one, values) for one in part)
    return msgspec.structs.replace(tree, **changed) if changed else tree
