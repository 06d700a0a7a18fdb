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
    ReasonOption,
    RoleChoice,
    ServerOption,
    TokenOption,
    markup,
)
from orchvynt.surfaces.cli.grant_commands import decimal
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


def add_review_commands(app: typer.Typer, outside: Outside) -> None:
    reviews = typer.Typer(no_args_is_help=True, rich_markup_mode=markup(), help="Answers and calls that wait for a person.")
    app.add_typer(reviews, name="reviews", rich_help_panel=OPERATION)

    @reviews.command("list")
    def listed(
        everything: Annotated[bool, typer.Option("--all", help="The decided ones too.")] = False,
        limit: LimitOption = 50,
        after: AfterOption = "",
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """The open reviews, longest waiting first."""
        from orchvynt.surfaces.cli import reviews, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            reviews.listed(opened, everything, limit, after)

    @reviews.command()
    def show(
        review: Annotated[str, typer.Argument(metavar="ID")], json: JsonOption = False, server: ServerOption = "", token: TokenOption = ""
    ) -> None:
        """One review, with the answer to decide on."""
        from orchvynt.surfaces.cli import reviews, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            reviews.show(opened, review)

    _add_deciding(reviews, outside)


def _add_deciding(reviews: typer.Typer, outside: Outside) -> None:
    @reviews.command()
    def approve(
        review: Annotated[str, typer.Argument(metavar="ID")],
        reason: ReasonOption = "",
        grant: Annotated[
            str,
            typer.Option("--grant", metavar="AMOUNT", help="Of a budget: one of the amounts that it lists.", show_default=False),
        ] = "",
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """Let exactly this answer through; where a budget is asked for, grant more of it, and let the call go on."""
        from orchvynt.surfaces.cli import reviews, session  # noqa: PLC0415 - see the module's docstring

        amount = decimal(grant, "--grant") if grant else None
        with session.session(outside, server, token, json) as opened:
            reviews.decide(opened, review, "approve", reason, amount)

    @reviews.command()
    def reject(
        review: Annotated[str, typer.Argument(metavar="ID")],
        reason: ReasonOption = "",
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """Keep this answer, or this call, back; the caller is told so."""
        from orchvynt.surfaces.cli import reviews, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            reviews.decide(opened, review, "reject", reason)


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
