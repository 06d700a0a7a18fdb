"""What is wrong in a policy file, and where: a value, so that the caller, the store and the command line show the same."""

from typing import Literal

import msgspec


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """`line` and `column` count from 1. `excerpt` is the offending line and a second line that underlines the text.

    `path` is the place in the document (`routing.rules[0].when`). `help` is the advice, apart from what is wrong.
    """

    file: str
    line: int
    column: int
    message: str
    path: str = ""
    help: str = ""
    excerpt: str = ""
    severity: Literal["error", "warning"] = "error"

    @property
    def text(self) -> str:
        """`FILE:LINE:COL: message`, then the excerpt, then the advice."""
        head = f"{self.file}:{self.line}:{self.column}: {'warning: ' if self.severity == 'warning' else ''}{self.message}"
        return "\n".join(part for part in (head, self.excerpt, f"  help: {self.help}" if self.help else "") if part)
