"""The commands about changes of what is protected: their options, and which body answers. Bodies are imported inside, as in
server_commands."""

from typing import Annotated

import typer

from orchvynt.surfaces.cli.asking import AfterOption, JsonOption, LimitOption, ServerOption, TokenOption, markup
from orchvynt.surfaces.cli.outside import Outside

ChangeArgument = Annotated[str, typer.Argument(metavar="CHANGE", help="Its id, chg_….")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why.", show_default=False)]


def add_change_commands(app: typer.Typer, panel: str, outside: Outside) -> None:
    changes = typer.Typer(no_args_is_help=True, rich_markup_mode=markup(), help="Changes of what the policy protects.")
    app.add_typer(changes, name="changes", rich_help_panel=panel)

    @changes.command("list")
    def listed(
        everything: Annotated[bool, typer.Option("--all", help="Those that were decided, too.")] = False,
        limit: LimitOption = 50,
        after: AfterOption = "",
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """What waits for people, longest waiting first."""
        from orchvynt.surfaces.cli import changes, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            changes.listed(opened, everything, limit, after)

    @changes.command()
    def show(change: ChangeArgument, json: JsonOption = False, server: ServerOption = "", token: TokenOption = "") -> None:
        """What a change would weaken, who wants it and why, and who has approved it."""
        from orchvynt.surfaces.cli import changes, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            changes.shown(opened, change)

    @changes.command()
    def approve(
        change: ChangeArgument, reason: ReasonOption = "", json: JsonOption = False, server: ServerOption = "", token: TokenOption = ""
    ) -> None:
        """Approve a change; the last approval that was missing puts it in force."""
        from orchvynt.surfaces.cli import changes, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            changes.decide(opened, change, "approve", reason)

    @changes.command()
    def reject(
        change: ChangeArgument, reason: ReasonOption = "", json: JsonOption = False, server: ServerOption = "", token: TokenOption = ""
    ) -> None:
        """Reject a change; one rejection decides."""
        from orchvynt.surfaces.cli import changes, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            changes.decide(opened, change, "reject", reason)
