"""What a budget is called now: `was: old-name` carries spend over, also of calls that still stand on the old name."""

from collections.abc import Iterable


class Names:
    """The names that budgets had, and have now. A budget may keep several books, as `NAME#what`: they go with it."""

    __slots__ = ("_now", "changed")

    def __init__(self) -> None:
        self._now: dict[str, str] = {}
        self.changed = False

    def now(self, book: str) -> str:
        name, mark, what = book.partition("#")
        return f"{self._now.get(name, name)}{mark}{what}"

    def rename(self, was: str, name: str, books: Iterable[str]) -> list[tuple[str, str]]:
        """From now on `was` is called `name`. Gives the books that have to move, old and new."""
        self._now.pop(name, None)
        self._now = {old: name if new == was else new for old, new in self._now.items()}
        self._now[was] = name
        self.changed = True
        found = {book for book in books if book.partition("#")[0] == was}
        return [(book, self.now(book)) for book in sorted(found)]

    def keep(self, names: Iterable[str]) -> None:
        """These are names of their own (again)."""
        for name in names:
            self._now.pop(name, None)
        self.changed = bool(self._now)
