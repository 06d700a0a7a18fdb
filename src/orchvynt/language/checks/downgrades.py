"""A budget can downgrade to the model that it names: there is another to come from, callers may use it, and it is no dearer."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

from orchvynt.language.checks.names import Names, is_pattern
from orchvynt.language.document.budgets import BreachEntry, BudgetEntry
from orchvynt.language.reading import Item
from orchvynt.language.report import Report
from orchvynt.language.snapshot import Model
from orchvynt.language.source import Source

_KEYS_SHOWN: Final = 5


def check_downgrades(source: Source, names: Names, models: Mapping[str, Model], report: Report) -> None:
    """`models` are those that could be built, patterns included."""
    for budget in source.budgets:
        breach = budget.section.on_breach
        if isinstance(breach, BreachEntry) and breach.downgrade is not None and (name := names.models.get(breach.downgrade)) is not None:
            _another(budget, name, source, report)
            _may_be_used(budget, name, source, names, report)
            _served(budget, name, source, report)
            _dearer(budget, name, models, report)


def _another(budget: Item[BudgetEntry], name: str, source: Source, report: Report) -> None:
    if len(source.models) == 1 and not source.is_broken("models"):
        said = f"`{name}` is the only model, so there is none to downgrade from"
        _tell(budget, said, "Write `on_breach: reject`, or name another model.", report)


def _may_be_used(budget: Item[BudgetEntry], name: str, source: Source, names: Names, report: Report) -> None:
    if source.is_broken("keys") or not source.keys:
        return
    allowed = [(key.section.name, key.section.allow_models) for key in source.keys if key.section.allow_models is not None]
    barred = [key for key, models in allowed if not _allows(models, name, names)]
    if not barred:
        return
    help = "Add it to their `allow_models`, or expect that they are refused past the limit."
    if len(barred) == len(source.keys):
        said = f"no key may use `{name}`, so past the limit everybody is refused"
        _tell(budget, said, "Add it to `allow_models` of a key.", report, warning=True)
        return
    shown = ", ".join(f"`{one}`" for one in barred[:_KEYS_SHOWN]) + (" and others" if len(barred) > _KEYS_SHOWN else "")
    _tell(budget, f"callers with the key {shown} may not use `{name}`", help, report, warning=True)


def _allows(allowed: Sequence[str], name: str, names: Names) -> bool:
    return any(names.models.get(one) == name or (is_pattern(one) and fnmatchcase(name, one)) for one in allowed)


def _served(budget: Item[BudgetEntry], name: str, source: Source, report: Report) -> None:
    item = source.models.get(name)
    if item is None:
        return
    for constraint in source.constraints:
        if constraint.section.when is None and (item.section.region or "") not in constraint.section.regions:
            where = f"in {item.section.region}" if item.section.region else "in no known region"
            said = f"`{name}` is served {where}, and `constraints` on line {constraint.key.line} binds every call"
            _tell(budget, said, "Name a model that may be asked there.", report)
            return


def _dearer(budget: Item[BudgetEntry], name: str, models: Mapping[str, Model], report: Report) -> None:
    own = models[name].price if name in models else None
    others = [model.price for other, model in models.items() if other != name and model.price is not None]
    if own is None or not others:
        return
    if all(own.input >= price.input and own.output >= price.output and own != price for price in others) and not own.is_free:
        said = f"`{name}` is the dearest model of all, and this budget downgrades to it"
        _tell(budget, said, "Name a cheaper one.", report, warning=True)


def _tell(budget: Item[BudgetEntry], said: str, help: str, report: Report, warning: bool = False) -> None:
    place, path = budget.at("on_breach", "downgrade"), f"{budget.path}.on_breach.downgrade"
    (report.warning if warning else report.error)(place, said, help, path)
