"""The commands about budgets: their options, and which body answers. Bodies are imported inside the commands, as in server_commands.

`orchvynt budgets` alone lists; what it can do beside that are its sub-commands.
"""

from enum import StrEnum
from typing import Annotated

import typer

from orchvynt.surfaces.cli.asking import AfterOption, JsonOption, LimitOption, ServerOption, TokenOption, markup
from orchvynt.surfaces.cli.grant_commands import add_grant_commands
from orchvynt.surfaces.cli.outside import Outside

MONEY = "What it costs"

NameOption = Annotated[str, typer.Option("--budget", metavar="NAME", help="Only this budget.", show_default=False)]
SubjectOption = Annotated[str, typer.Option("--subject", metavar="SUBJECT", help="Only this subject.", show_default=False)]


class SortChoice(StrEnum):
    """Orders of the list of budgets."""

    tightest = "tightest"
    name = "name"


def add_budget_commands(app: typer.Typer, outside: Outside) -> typer.Typer:
    """→ the group, for what others add to it."""
    budgets = typer.Typer(
        invoke_without_command=True,
        rich_markup_mode=markup(),
        help="Every budget: limit, settled, held, remaining, and where it is heading.",
    )
    app.add_typer(budgets, name="budgets", rich_help_panel=MONEY)

    @budgets.callback()
    def listed(
        context: typer.Context,
        budget: NameOption = "",
        subject: SubjectOption = "",
        sort: Annotated[SortChoice, typer.Option("--sort", help="The tightest first, or by name.")] = SortChoice.tightest,
        limit: LimitOption = 100,
        after: AfterOption = "",
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """Every budget: limit, settled, held, remaining, and where it is heading."""
        if context.invoked_subcommand is not None:
            _alone(context)
            return
        from orchvynt.surfaces.cli import budgets, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            budgets.listed(opened, budgets.Wanted(budget, subject, sort.value, limit, after))

    _add_reading(budgets, outside)
    add_grant_commands(budgets, outside)
    return budgets


def _alone(context: typer.Context) -> None:
    """An option before the sub-command would be ignored, so it is refused."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(f"say it behind `{context.invoked_subcommand}`", param_hint=parameter.opts[0])


def _add_reading(budgets: typer.Typer, outside: Outside) -> None:
    @budgets.command()
    def show(
        name: Annotated[str, typer.Argument(metavar="NAME", help="The budget's name in the policy.")],
        subject: Annotated[str, typer.Argument(metavar="[SUBJECT]", help="Whose; without it, everybody's.", show_default=False)] = "",
        limit: LimitOption = 100,
        after: AfterOption = "",
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """One budget in full: each of its limits, its rate, its forecast."""
        from orchvynt.surfaces.cli import budgets, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            budgets.shown(opened, budgets.Wanted(name, subject, "tightest", limit, after))
