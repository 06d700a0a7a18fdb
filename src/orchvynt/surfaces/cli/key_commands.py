"""The commands about the keys of agents: their options. Bodies are imported inside, as in server_commands."""

from typing import Annotated

import typer

from orchvynt.surfaces.cli.asking import AfterOption, JsonOption, LimitOption, ServerOption, TokenOption, markup
from orchvynt.surfaces.cli.outside import Outside

OPERATION = "Operation"

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The key's name in the policy.")]


def add_key_commands(app: typer.Typer, outside: Outside) -> None:
    keys = typer.Typer(no_args_is_help=True, rich_markup_mode=markup(), help="Keys of agents: who may call.")
    app.add_typer(keys, name="keys", rich_help_panel=OPERATION)

    @keys.command()
    def issue(name: NameArgument, json: JsonOption = False, server: ServerOption = "", token: TokenOption = "") -> None:
        """Make a secret for a key; it is shown this once."""
        from orchvynt.surfaces.cli import keys, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            keys.issue(opened, name)

    @keys.command()
    def rotate(
        name: NameArgument,
        overlap: Annotated[str, typer.Option("--overlap", metavar="DURATION", help="How long the old secrets stay valid.")] = "24h",
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """Make a new secret; the old ones end after the overlap."""
        from orchvynt.surfaces.cli import keys, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            keys.rotate(opened, name, overlap)

    @keys.command()
    def revoke(
        name: NameArgument,
        only: Annotated[str, typer.Option("--id", metavar="ID", help="Only this secret of the key.", show_default=False)] = "",
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """Make a key's secrets useless from the next request on."""
        from orchvynt.surfaces.cli import keys, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            keys.revoke(opened, name, only)

    @keys.command("list")
    def listed(
        limit: LimitOption = 100, after: AfterOption = "", json: JsonOption = False, server: ServerOption = "", token: TokenOption = ""
    ) -> None:
        """The secrets by id: who made them, when they were last used, when they end."""
        from orchvynt.surfaces.cli import keys, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            keys.listed(opened, limit, after)
