"""Budgets can be kept: every model under a money budget has a price, and no limit contradicts itself."""

from orchvynt.catalog.models import prices_known
from orchvynt.language.checks.names import is_pattern
from orchvynt.language.report import Report
from orchvynt.language.snapshot import Model
from orchvynt.language.source import Source


def check_amounts(source: Source, models: dict[str, Model], addresses: dict[str, str], report: Report) -> None:
    """`models` are those that could be built, patterns included; `addresses` are the providers' by name."""
    money = next((budget for budget in source.budgets if budget.section.limit.usd is not None), None)
    if money is not None:
        for name, model in models.items():
            if model.price is not None or (is_pattern(name) and prices_known(model.provider.kind, addresses[model.provider.name])):
                continue
            item = source.models[name]
            what = f"whatever `{name}` matches has no known price" if is_pattern(name) else f"the price of model `{name}` is unknown"
            said = f"{what}, and the budget `{money.section.name}` limits money"
            report.error(
                item.key, said, "Give it `price: {input: …, output: …}` in USD per million tokens, or `price: free`.", f"{item.path}.price"
            )
    for budget in source.budgets:
        limit = budget.section.limit
        if limit.tokens is not None and budget.section.min_output_tokens > limit.tokens:
            said = f"`min_output_tokens` ({budget.section.min_output_tokens}) is more than the whole limit ({limit.tokens})"
            report.error(budget.at("min_output_tokens"), said, "Nothing would ever be admitted.", f"{budget.path}.min_output_tokens")
