"""Cuts lists into pages. A cursor is the sort key of the last item given, so items that come and go never repeat or hide others."""

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from orchvynt.surfaces.operator_shapes import Listing

LIMIT_DEFAULT: Final = 100
LIMIT_MAX: Final = 500

Row = TypeVar("Row")
View = TypeVar("View")


def page(
    rows: Iterable[Row], key: Callable[[Row], str], view: Callable[[Row], View], limit: int, after: str, newest_first: bool = False
) -> Listing[View]:
    """Sorts by `key` (unique within the list), goes on behind `after`, gives at most `limit` items."""
    ordered = sorted(((key(row), row) for row in rows), key=lambda pair: pair[0], reverse=newest_first)
    if after:
        ordered = [pair for pair in ordered if (pair[0] < after if newest_first else pair[0] > after)]
    kept = ordered[:limit]
    return Listing(items=tuple(view(row) for _, row in kept), next=kept[-1][0] if len(ordered) > limit else None)


def sortable(number: int) -> str:
    """A number as text that sorts as the number does."""
    return f"{number:020d}"
