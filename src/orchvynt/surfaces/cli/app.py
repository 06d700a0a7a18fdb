"""The command line as one typer app. Only assembly builds it, because only assembly knows the environment and the server side."""

from typing import Annotated

import typer

from orchvynt.surfaces.cli.asking import markup
from orchvynt.surfaces.cli.audit_commands import add_audit_commands
from orchvynt.surfaces.cli.budget_commands import add_budget_commands
from orchvynt.surfaces.cli.change_commands import add_change_commands
from orchvynt.surfaces.cli.key_commands import add_key_commands
from orchvynt.surfaces.cli.local_commands import add_start_commands, add_store_commands, add_tool_commands
from orchvynt.surfaces.cli.notify_commands import add_notify_commands
from orchvynt.surfaces.cli.outside import Outside
from orchvynt.surfaces.cli.people_commands import add_login_commands, add_people_commands
from orchvynt.surfaces.cli.policy_commands import POLICY, add_history_commands, add_policy_commands
from orchvynt.surfaces.cli.review_commands import add_review_commands
from orchvynt.surfaces.cli.server_commands import (
    add_operation_commands,
    add_record_commands,
    add_token_commands,
)
from orchvynt.surfaces.cli.spend_commands import add_spend_commands


def build_app(outside: Outside) -> typer.Typer:
    """Exit codes: 0 done, 1 refused or failed, 2 wrong use."""
    app = typer.Typer(
        name="orchvynt",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=markup(),
        help="The control plane between AI agents and model providers.",
    )

    def show_version(wanted: bool) -> None:
        if wanted:
            typer.echo(f"orchvynt {outside.version} ({outside.build})")
            raise typer.Exit

    @app.callback()
    def orchvynt(
        version: Annotated[bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version.")] = False,
    ) -> None:
        """The control plane between AI agents and model providers."""

    add_start_commands(app, outside)
    add_store_commands(app, outside)
    add_policy_commands(app, outside)
    add_tool_commands(app, outside)
    add_history_commands(app, outside)
    add_change_commands(app, POLICY, outside)
    add_record_commands(app, outside)
    budgets = add_budget_commands(app, outside)
    add_spend_commands(app, budgets, outside)
    add_operation_commands(app, outside)
    add_review_commands(app, outside)
    add_audit_commands(app, outside)
    add_notify_commands(app, outside)
    add_key_commands(app, outside)
    add_token_commands(app, outside)
    add_login_commands(app, outside)
    add_people_commands(app, outside)
    return app
