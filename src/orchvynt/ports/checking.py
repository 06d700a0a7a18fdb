"""Who compiles policies while invocations are served: never the event loop, which would stand still for it."""

from typing import TYPE_CHECKING, Protocol

import msgspec

from orchvynt.language.problems import Problem

if TYPE_CHECKING:
    # Compiling needs libraries that whoever only asks for it need not load.
    from orchvynt.language.compile import Loaded


class CheckingUnavailableError(Exception):
    """The policy could not be checked now, whatever it says. The message names the cause."""


class Compared(msgspec.Struct, frozen=True):
    """What changes from one text to another. `problems` are errors that keep one of them from being compiled; then there are no words.

    `bindings` are the new addresses, and secrets at addresses, in words.
    """

    words: tuple[str, ...] = ()
    bindings: tuple[str, ...] = ()
    same: bool = False
    problems: tuple[Problem, ...] = ()


class Checking(Protocol):
    async def load(self, text: str, file: str) -> "Loaded":
        """What `language.compile.load` gives. Raises CheckingUnavailableError."""
        ...

    async def compare(self, old: tuple[str, str], new: tuple[str, str]) -> Compared:
        """Two policies, each as (text, the name to give problems under). Raises CheckingUnavailableError."""
        ...
