"""The options that several commands share, each said once."""

import sys
from enum import StrEnum
from typing import Annotated, Literal

import typer

DEFAULT_POLICY = "orchvynt.yaml"
LIMIT_MAX = 500

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of words.")]
ServerOption = Annotated[
    str, typer.Option("--server", metavar="ADDRESS", help="Admin address of the server (or ORCHVYNT_SERVER).", show_default=False)
]
TokenOption = Annotated[
    str, typer.Option("--token", metavar="TOKEN", help="Admin token (or ORCHVYNT_TOKEN, ORCHVYNT_ADMIN_TOKEN).", show_default=False)
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=LIMIT_MAX, help="How many at most.")]
AfterOption = Annotated[str, typer.Option("--after", metavar="CURSOR", help="Go on behind the page before.", show_default=False)]
PolicyArgument = Annotated[str, typer.Argument(metavar="[PATH]", help="The policy file; - reads standard input.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the record.", show_default=False)]


def markup() -> Literal["rich"] | None:
    """Panels and colours in help and usage errors, for people only: rich costs 180 ms at start, which a pipe need not pay."""
    return "rich" if sys.stdout.isatty() else None


class RoleChoice(StrEnum):
    """The four roles, each with all that the ones before it may do."""

    viewer = "viewer"
    reviewer = "reviewer"
    operator = "operator"
    admin = "admin"
