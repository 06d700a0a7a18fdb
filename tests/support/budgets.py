"""Lines of budgets for tests of the rooms that decide about them."""

from orchvynt.decisions.budgets.ledger import Line
from orchvynt.language.snapshot import Breach, Budget, Limits

REJECT = Breach()


def line(
    name: str = "b",
    tokens: int | None = None,
    nanos: int | None = None,
    subject: str = "*",
    *,
    min_output_tokens: int = 16,
    resets_at: int = 0,
    limits: Limits | None = None,
    breach: Breach = REJECT,
    terms: Budget | None = None,
) -> Line:
    """One that applies globally, for a lifetime unless it resets. `limits` says more than tokens and money, `terms` all of it."""
    bounds = limits if limits is not None else terms.limits if terms is not None else Limits(nanos, tokens)
    if terms is None:
        terms = Budget(name, "global", None, "lifetime", bounds, min_output_tokens=min_output_tokens, breach=breach)
    return Line(terms, terms.name, subject, 1 if resets_at else 0, resets_at, bounds)
