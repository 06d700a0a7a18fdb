"""The commands that ask a running server: their options, and which body answers.

Bodies are imported inside the commands: rich, msgspec and the HTTP client cost about 150 ms, which `--help` must not pay
(measured with `python -X importtime`).
"""

from typing import Annotated

import typer

from orchvynt.surfaces.cli.asking import (
    AfterOption,
    JsonOption,
    LimitOption,
    RoleChoice,
    ServerOption,
    TokenOption,
    markup,
)
from orchvynt.surfaces.cli.outside import Outside

RECORDS, OPERATION = "What happened", "Operation"


def add_record_commands(app: typer.Typer, outside: Outside) -> None:
    @app.command(rich_help_panel=RECORDS)
    def explain(
        reference: Annotated[
            str,
            typer.Argument(metavar="REF", help="An invocation, attempt, review, run, request, trace or provider response id, or `last`."),
        ],
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """Everything one invocation met, in order, with reasons."""
        from orchvynt.surfaces.cli import records, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            records.explain(opened, reference)

    @app.command(rich_help_panel=RECORDS)
    def invocations(
        limit: LimitOption = 20, after: AfterOption = "", json: JsonOption = False, server: ServerOption = "", token: TokenOption = ""
    ) -> None:
        """The newest invocations."""
        from orchvynt.surfaces.cli import records, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            records.invocations(opened, limit, after)

    @app.command(rich_help_panel=RECORDS)
    def runs(
        run: Annotated[str, typer.Argument(metavar="RUN")], json: JsonOption = False, server: ServerOption = "", token: TokenOption = ""
    ) -> None:
        """One run of a workflow, from its first invocation to its last."""
        from orchvynt.surfaces.cli import records, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            records.run(opened, run)


def add_operation_commands(app: typer.Typer, outside: Outside) -> None:
    @app.command(rich_help_panel=OPERATION)
    def status(json: JsonOption = False, server: ServerOption = "", token: TokenOption = "") -> None:
        """What runs: version, policy, open work, store."""
        from orchvynt.surfaces.cli import fleet, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            fleet.status(opened)

    @app.command(rich_help_panel=OPERATION)
    def limits(
        limit: LimitOption = 100, after: AfterOption = "", json: JsonOption = False, server: ServerOption = "", token: TokenOption = ""
    ) -> None:
        """Every rate limit that somebody uses: what is left, who runs, who was refused."""
        from orchvynt.surfaces.cli import rates, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            rates.limits(opened, limit, after)

    @app.command(rich_help_panel=OPERATION)
    def providers(json: JsonOption = False, server: ServerOption = "", token: TokenOption = "") -> None:
        """Each model's route, and whether it rests."""
        from orchvynt.surfaces.cli import fleet, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            fleet.providers(opened)


def add_token_commands(app: typer.Typer, outside: Outside) -> None:
    tokens = typer.Typer(no_args_is_help=True, rich_markup_mode=markup(), help="Admin tokens.")
    app.add_typer(tokens, name="tokens", rich_help_panel=OPERATION)

    @tokens.command()
    def issue(
        name: Annotated[str, typer.Argument(metavar="NAME")],
        role: Annotated[RoleChoice, typer.Option("--role", help="What it may do.", show_default=False)],
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """Make a token; its secret is shown this once."""
        from orchvynt.surfaces.cli import session, tokens  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            tokens.issue(opened, name, role.value)

    @tokens.command("list")
    def listed(json: JsonOption = False, server: ServerOption = "", token: TokenOption = "") -> None:
        """The tokens, without their secrets."""
        from orchvynt.surfaces.cli import session, tokens  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            tokens.listed(opened)

    @tokens.command()
    def revoke(
        name: Annotated[str, typer.Argument(metavar="NAME")], json: JsonOption = False, server: ServerOption = "", token: TokenOption = ""
    ) -> None:
        """Make a token useless from the next request on."""
        from orchvynt.surfaces.cli import session, tokens  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            tokens.revoke(opened, name)
