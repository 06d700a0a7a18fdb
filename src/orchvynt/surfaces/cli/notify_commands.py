"""The commands about destinations: their options, and which body answers. Bodies are imported inside, as in server_commands."""

from typing import Annotated

import typer

from orchvynt.surfaces.cli.asking import AfterOption, JsonOption, LimitOption, ServerOption, TokenOption, markup
from orchvynt.surfaces.cli.outside import Outside

OPERATION = "Operation"


def add_notify_commands(app: typer.Typer, outside: Outside) -> None:
    notify = typer.Typer(no_args_is_help=True, rich_markup_mode=markup(), help="Who is told, and what is on its way to them.")
    app.add_typer(notify, name="notify", rich_help_panel=OPERATION)

    @notify.command("list")
    def listed(
        limit: LimitOption = 50, after: AfterOption = "", json: JsonOption = False, server: ServerOption = "", token: TokenOption = ""
    ) -> None:
        """The policy's destinations, and how they are."""
        from orchvynt.surfaces.cli import notify, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            notify.listed(opened, limit, after)

    @notify.command()
    def outbox(
        undeliverable: Annotated[bool, typer.Option("--undeliverable", help="Those that were given up.")] = False,
        limit: LimitOption = 50,
        after: AfterOption = "",
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """Messages that are not delivered, the oldest first."""
        from orchvynt.surfaces.cli import notify, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            notify.outbox(opened, undeliverable, limit, after)

    @notify.command()
    def test(
        name: Annotated[str, typer.Argument(metavar="NAME", help="The destination's name in the policy.")],
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """Send a test message, and say what came back."""
        from orchvynt.surfaces.cli import notify, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            if not notify.test(opened, name):
                raise typer.Exit(1)

    @notify.command()
    def resend(
        message: Annotated[str, typer.Argument(metavar="ID", help="A message of the outbox.")],
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """Send an undeliverable message once more."""
        from orchvynt.surfaces.cli import notify, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            notify.resend(opened, message)
