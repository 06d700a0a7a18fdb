"""The commands about grants: their options, and which body answers. Bodies are imported inside the commands, as in server_commands."""

from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from orchvynt.surfaces.cli.asking import AfterOption, JsonOption, LimitOption, ServerOption, TokenOption
from orchvynt.surfaces.cli.outside import Outside


def add_grant_commands(budgets: typer.Typer, outside: Outside) -> None:
    @budgets.command()
    def grant(
        name: Annotated[str, typer.Argument(metavar="NAME", help="The budget's name in the policy.")],
        subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="Whose; `*` for a global budget.")],
        message: Annotated[str, typer.Option("--message", "-m", metavar="WHY", help="Why; kept in the audit.", show_default=False)],
        usd: Annotated[str, typer.Option("--usd", metavar="AMOUNT", help="So much more money.", show_default=False)] = "",
        tokens: Annotated[int, typer.Option("--tokens", min=0, metavar="N", help="So many more tokens.", show_default=False)] = 0,
        own_id: Annotated[
            str, typer.Option("--id", metavar="ID", help="An id of your own: granted once, however often it is asked.", show_default=False)
        ] = "",
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """More of a budget for one subject, on top of its limit, until its window ends."""
        from orchvynt.surfaces.cli import grants, session  # noqa: PLC0415 - see the module's docstring

        if bool(usd) == bool(tokens):
            raise typer.BadParameter("give either --usd or --tokens", param_hint="--usd")
        amount = decimal(usd, "--usd") if usd else None
        with session.session(outside, server, token, json) as opened:
            grants.grant(opened, grants.Wanted(name, subject, message, amount, tokens or None, own_id))

    @budgets.command("grants")
    def listed(
        limit: LimitOption = 50, after: AfterOption = "", json: JsonOption = False, server: ServerOption = "", token: TokenOption = ""
    ) -> None:
        """What was granted, newest first."""
        from orchvynt.surfaces.cli import grants, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            grants.listed(opened, limit, after)


def decimal(text: str, option: str) -> Decimal:
    """An amount as people write it. Exit code 2 if it is none."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount <= 0:
        raise typer.BadParameter(f"{text[:40]!r} is not an amount above 0", param_hint=option)
    return amount
