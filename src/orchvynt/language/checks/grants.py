"""Reviewers and operators can grant what a budget lacks: amounts are of one unit, whole where they are tokens, and of a limit it has."""

from orchvynt.language.document.amounts import TOKENS_MAX
from orchvynt.language.document.budgets import BreachEntry, BudgetEntry, GrantEntry
from orchvynt.language.reading import Item
from orchvynt.language.report import Report
from orchvynt.language.source import Source


def check_grants(source: Source, report: Report) -> None:
    for budget in source.budgets:
        said = budget.section.on_breach
        if isinstance(said, BreachEntry) and said.review is not None:
            _review(budget, said.review, report)
        _grant_max(budget, report)


def _review(budget: Item[BudgetEntry], review: GrantEntry, report: Report) -> None:
    limit, path = budget.section.limit, f"{budget.path}.on_breach.review"
    span = budget.at("on_breach", "review", "grant")
    if limit.usd is not None and limit.tokens is not None:
        said = "the budget limits both `usd` and `tokens`, so it is not clear what an approval grants"
        report.error(span, said, "Make two budgets of it, each with one of the limits.", f"{path}.grant")
    elif limit.usd is None and limit.tokens is None:
        said = "an approval grants USD or tokens, and the budget limits neither"
        report.error(span, said, "Add `usd` or `tokens` to the limit, or write `on_breach: reject`.", f"{path}.grant")
    elif limit.usd is None:
        for number, amount in enumerate(review.grant):
            if amount != amount.to_integral_value() or amount > TOKENS_MAX:
                said = f"`{amount:f}` is no number of tokens, and the budget limits tokens"
                report.error(
                    budget.at("on_breach", "review", "grant", number),
                    said,
                    f"Write a whole number from 1 to {TOKENS_MAX:,}.",
                    f"{path}.grant[{number}]",
                )


def _grant_max(budget: Item[BudgetEntry], report: Report) -> None:
    most, limit = budget.section.grant_max, budget.section.limit
    if most is None:
        return
    for unit, amount, limited in (("usd", most.usd, limit.usd), ("tokens", most.tokens, limit.tokens)):
        if amount is not None and limited is None:
            said = f"`grant_max` is in `{unit}`, which the budget does not limit"
            report.error(budget.at("grant_max", unit), said, "Name a unit of `limit`.", f"{budget.path}.grant_max.{unit}")
