"""A grant as a row of a SQL database."""

from typing import Any

from orchvynt.model.facts import BudgetGranted


def grant_row(values: tuple[Any, ...]) -> BudgetGranted:
    """A row of the table, its columns in order."""
    grant, inv, at, *rest = values
    return BudgetGranted(inv, at, grant, *rest)
