"""The commands about what was spent: their options. Bodies are imported inside the commands, as in server_commands."""

from enum import StrEnum
from typing import Annotated

import typer

from orchvynt.surfaces.cli.asking import AfterOption, JsonOption, LimitOption, ServerOption, TokenOption
from orchvynt.surfaces.cli.budget_commands import MONEY
from orchvynt.surfaces.cli.outside import Outside

ByOption = Annotated[
    str,
    typer.Option("--by", metavar="NAMES", help="model, agent, workflow, run, key, provider, context.NAME …; several with commas."),
]


InvoiceOption = Annotated[
    str,
    typer.Option(
        "--invoice", metavar="FILE", help="OpenAI's or Anthropic's export, or a plain CSV; - reads standard input.", show_default=False
    ),
]


class FormatChoice(StrEnum):
    """How a statement is printed."""

    table = "table"
    csv = "csv"
    json = "json"


def add_spend_commands(app: typer.Typer, budgets: typer.Typer, outside: Outside) -> None:
    @app.command(rich_help_panel=MONEY)
    def spend(
        by: ByOption = "model",
        since: Annotated[str, typer.Option("--since", metavar="TIME", help="24h, 30d, a day, or an instant.", show_default="24h")] = "",
        month: Annotated[str, typer.Option("--month", metavar="MONTH", help="A month such as 2026-11.", show_default=False)] = "",
        limit: LimitOption = 20,
        after: AfterOption = "",
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """What was spent on what, the costliest first."""
        from orchvynt.surfaces.cli import session, spending  # noqa: PLC0415 - see the module's docstring

        if since and month:
            raise typer.BadParameter("give --since or --month, not both", param_hint="--month")
        with session.session(outside, server, token, json) as opened:
            spending.spend(opened, spending.Asked(by, since, month, limit, after))

    @budgets.command()
    def statement(
        month: Annotated[str, typer.Option("--month", metavar="MONTH", help="A month such as 2026-11.", show_default=False)],
        by: ByOption = "model",
        form: Annotated[FormatChoice, typer.Option("--format", help="For people, for spreadsheets, or for programs.")] = FormatChoice.table,
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """A month's receipts summed up, to the nano-dollar."""
        from orchvynt.surfaces.cli import session, statements  # noqa: PLC0415 - see the module's docstring

        wanted = FormatChoice.json if json else form
        with session.session(outside, server, token, wanted is FormatChoice.json) as opened:
            statements.statement(opened, month, by, wanted.value)

    @budgets.command()
    def reconcile(
        invoice: InvoiceOption,
        provider: Annotated[
            str, typer.Option("--provider", metavar="NAME", help="Whose invoice, by the policy's name.", show_default=False)
        ] = "",
        month: Annotated[
            str, typer.Option("--month", metavar="MONTH", help="Without it: the month of the file's lines.", show_default=False)
        ] = "",
        tolerance: Annotated[str, typer.Option("--tolerance", metavar="USD", help="Exit 1 if more than this stays unexplained.")] = "0.01",
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """A provider's invoice against our receipts, and what the difference is made of."""
        from orchvynt.surfaces.cli import reconciling, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            reconciling.reconcile(opened, reconciling.Wanted(invoice, provider, month, reconciling.tolerance_nanos(tolerance)))
