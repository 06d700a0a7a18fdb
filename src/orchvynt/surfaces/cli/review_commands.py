"""The commands of a reviewer: their options, and which body answers.

Bodies are imported inside the commands, as in `server_commands`.
"""

from typing import Annotated

import typer

from orchvynt.surfaces.cli.asking import AfterOption, JsonOption, LimitOption, ReasonOption, ServerOption, TokenOption, markup
from orchvynt.surfaces.cli.grant_commands import decimal
from orchvynt.surfaces.cli.outside import Outside

OPERATION = "Operation"

ReviewArgument = Annotated[str, typer.Argument(metavar="ID")]
SeveralArgument = Annotated[list[str] | None, typer.Argument(metavar="ID…", show_default=False)]
GateOption = Annotated[str, typer.Option("--gate", metavar="GATE", help="With --all: of this gate.", show_default=False)]
AllOption = Annotated[bool, typer.Option("--all", help="All open reviews of --gate.")]
TextOption = Annotated[str, typer.Option("--text", metavar="TEXT", help="What the caller gets.", show_default=False)]
FileOption = Annotated[str, typer.Option("--file", metavar="PATH", help="A file with it; - reads standard input.", show_default=False)]


def add_review_commands(app: typer.Typer, outside: Outside) -> None:
    reviews = typer.Typer(no_args_is_help=True, rich_markup_mode=markup(), help="Answers and calls that wait for a person.")
    app.add_typer(reviews, name="reviews", rich_help_panel=OPERATION)
    _add_reading(reviews, outside)
    _add_deciding(reviews, outside)
    _add_rewording(reviews, outside)
    _add_claiming(reviews, outside)


def _add_reading(app: typer.Typer, outside: Outside) -> None:
    @app.command("list")
    def listed(
        everything: Annotated[bool, typer.Option("--all", help="The decided ones too.")] = False,
        gate: Annotated[str, typer.Option("--gate", metavar="GATE", help="Only those of this gate.", show_default=False)] = "",
        status: Annotated[
            str, typer.Option("--status", metavar="STATUS", help="Only open, approved, rejected or expired ones.", show_default=False)
        ] = "",
        claimed: Annotated[
            str, typer.Option("--claimed", metavar="WHO", help="Only those claimed: yes, no, or by me.", show_default=False)
        ] = "",
        mine: Annotated[bool, typer.Option("--mine", help="Only those that you may decide.")] = False,
        newest: Annotated[bool, typer.Option("--newest", help="The newest first.")] = False,
        limit: LimitOption = 50,
        after: AfterOption = "",
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """The open reviews, longest waiting first."""
        from orchvynt.surfaces.cli import reviews, session  # noqa: PLC0415 - see the module's docstring

        wanted = reviews.Wanted(status or ("all" if everything else "open"), gate, claimed, mine, newest)
        with session.session(outside, server, token, json) as opened:
            reviews.listed(opened, wanted, limit, after)

    @app.command()
    def show(review: ReviewArgument, json: JsonOption = False, server: ServerOption = "", token: TokenOption = "") -> None:
        """One review, with the answer to decide on."""
        from orchvynt.surfaces.cli import reviews, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            reviews.show(opened, review)


def _add_deciding(app: typer.Typer, outside: Outside) -> None:
    @app.command()
    def approve(
        review: SeveralArgument = None,
        reason: ReasonOption = "",
        grant: Annotated[
            str,
            typer.Option("--grant", metavar="AMOUNT", help="Of a budget: one of the amounts that it lists.", show_default=False),
        ] = "",
        gate: GateOption = "",
        everything: AllOption = False,
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """Let exactly these answers through; where a budget is asked for, grant more of it, and let the call go on."""
        from orchvynt.surfaces.cli import review_decisions, session  # noqa: PLC0415 - see the module's docstring

        which = review_decisions.which(review or [], gate, everything)
        amount = decimal(grant, "--grant") if grant else None
        with session.session(outside, server, token, json) as opened:
            review_decisions.decide(opened, which, "approve", reason, amount)

    @app.command()
    def reject(
        review: SeveralArgument = None,
        reason: ReasonOption = "",
        gate: GateOption = "",
        everything: AllOption = False,
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """Keep these answers, or these calls, back; the callers are told so."""
        from orchvynt.surfaces.cli import review_decisions, session  # noqa: PLC0415 - see the module's docstring

        which = review_decisions.which(review or [], gate, everything)
        with session.session(outside, server, token, json) as opened:
            review_decisions.decide(opened, which, "reject", reason)


def _add_rewording(app: typer.Typer, outside: Outside) -> None:
    @app.command()
    def edit(
        review: ReviewArgument,
        text: TextOption = "",
        file: FileOption = "",
        reason: ReasonOption = "",
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """Let the answer through with another text: from --text, --file, or your $EDITOR."""
        from orchvynt.surfaces.cli import review_decisions, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            review_decisions.reword(opened, review, "edit", text, file, reason)

    @app.command()
    def respond(
        review: ReviewArgument,
        text: TextOption = "",
        file: FileOption = "",
        reason: ReasonOption = "",
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """Answer in your own words, in place of the whole answer: from --text, --file, or your $EDITOR."""
        from orchvynt.surfaces.cli import review_decisions, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            review_decisions.reword(opened, review, "respond", text, file, reason)


def _add_claiming(app: typer.Typer, outside: Outside) -> None:
    @app.command()
    def claim(review: ReviewArgument, json: JsonOption = False, server: ServerOption = "", token: TokenOption = "") -> None:
        """Keep others out for a while, because you look at it; again, to prolong that."""
        from orchvynt.surfaces.cli import review_decisions, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            review_decisions.claim(opened, review)

    @app.command()
    def release(review: ReviewArgument, json: JsonOption = False, server: ServerOption = "", token: TokenOption = "") -> None:
        """Give your claim back."""
        from orchvynt.surfaces.cli import review_decisions, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            review_decisions.release(opened, review)
