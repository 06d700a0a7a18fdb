"""Budgets can be kept: every model under a money budget has a price, and no limit contradicts itself."""

from orchvynt.catalog.models import prices_known
from orchvynt.language.checks.names import Names, is_pattern
from orchvynt.language.document.budgets import BudgetEntry
from orchvynt.language.reading import Item
from orchvynt.language.report import Report
from orchvynt.language.snapshot import Model
from orchvynt.language.source import Source


def check_amounts(source: Source, names: Names, models: dict[str, Model], addresses: dict[str, str], report: Report) -> None:
    """`models` are those that could be built, patterns included; `addresses` are the providers' by name."""
    money = next((budget for budget in source.budgets if budget.section.limit.usd is not None), None)
    if money is not None:
        _priced(source, money, models, addresses, report)
    heirs: dict[str, str] = {}
    for budget in source.budgets:
        _admits_something(budget, report)
        _formerly(budget, names, heirs, report)


def _admits_something(budget: Item[BudgetEntry], report: Report) -> None:
    """A limit may be smaller than what is set by default: then it is as good as spent from the start, which may be meant."""
    entry = budget.section
    limit = entry.limit.tokens
    if limit is None or "min_output_tokens" not in entry.model_fields_set or entry.min_output_tokens <= limit or entry.on_breach == "alert":
        return
    said = f"`min_output_tokens` ({entry.min_output_tokens}) is more than the whole limit ({limit})"
    report.error(budget.at("min_output_tokens"), said, "Nothing would ever fit.", f"{budget.path}.min_output_tokens")


def _priced(source: Source, money: Item[BudgetEntry], models: dict[str, Model], addresses: dict[str, str], report: Report) -> None:
    help = "Give it `price: {input: …, output: …}` in USD per million tokens, or `price: free`."
    for name, model in models.items():
        if model.price is not None or (is_pattern(name) and prices_known(model.provider.kind, addresses[model.provider.name])):
            continue
        item = source.models[name]
        what = f"whatever `{name}` matches has no known price" if is_pattern(name) else f"the price of model `{name}` is unknown"
        report.error(item.key, f"{what}, and the budget `{money.section.name}` limits money", help, f"{item.path}.price")
    for path in source.passthrough:
        if "price" not in path.node.entries:
            said = f"the path `{path.section.path}` has no price, and the budget `{money.section.name}` limits money"
            report.error(path.at("path"), said, "Give it `price: 0.01`, in USD per call, or `price: free`.", f"{path.path}.price")


def _formerly(budget: Item[BudgetEntry], names: Names, heirs: dict[str, str], report: Report) -> None:
    was = budget.section.was
    if was is not None and heirs.setdefault(was, budget.section.name) != budget.section.name:
        said = f"the budget `{heirs[was]}` was `{was}` as well, and spend is carried to one"
        report.error(budget.at("was"), said, "Keep one of them.", f"{budget.path}.was")
    if was is not None and was in names.others["budget"]:
        said = (
            f"`{was}` is this budget's own name" if was == budget.section.name else f"`was` names the budget `{was}`, which is still there"
        )
        report.error(budget.at("was"), said, "Name a budget that an earlier version of the policy had.", f"{budget.path}.was")
