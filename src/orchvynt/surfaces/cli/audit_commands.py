"""The commands about the audit: their options. Bodies are imported inside, as in server_commands."""

from typing import Annotated

import typer

from orchvynt.surfaces.cli.asking import AfterOption, JsonOption, LimitOption, ServerOption, TokenOption, markup
from orchvynt.surfaces.cli.outside import Outside

PANEL = "Proof"

WhereOption = Annotated[
    str,
    typer.Option("--where", metavar="EXPR", help="Which records: 'user == \"u-1\"', 'gates.exists(g, g == \"x\")' …", show_default=False),
]
TicketOption = Annotated[str, typer.Option("--message", "-m", metavar="TICKET", help="Why; kept in the audit.", show_default=False)]
HeadOption = Annotated[str, typer.Option("--head", metavar="HASH", help="A hash that `audit head` printed earlier.", show_default=False)]


def add_audit_commands(app: typer.Typer, outside: Outside) -> None:
    audit = typer.Typer(no_args_is_help=True, rich_markup_mode=markup(), help="Who decided and changed what, and the proof of it.")
    app.add_typer(audit, name="audit", rich_help_panel=PANEL)
    _add_reading(audit, outside)
    _add_proving(audit, outside)
    _add_holding(audit, outside)

    def forget(
        where: WhereOption,
        message: TicketOption,
        yes: Annotated[bool, typer.Option("--yes", help="Do it; without it, only count.")] = False,
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """Take from records what names a person or was said; ids, money and counts stay."""
        from orchvynt.surfaces.cli import audit, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            audit.forget(opened, where, message, yes)

    # One command under both names.
    app.command(rich_help_panel=PANEL)(forget)
    audit.command()(forget)


def _add_reading(audit: typer.Typer, outside: Outside) -> None:
    @audit.command("list")
    def listed(
        subject: Annotated[str, typer.Option("--subject", metavar="ID", help="Only of this review, key, …", show_default=False)] = "",
        who: Annotated[str, typer.Option("--who", metavar="WHO", help="Only of this person or token.", show_default=False)] = "",
        what: Annotated[
            str, typer.Option("--what", metavar="WHAT", help="Only what begins so: review., policy. …", show_default=False)
        ] = "",
        limit: LimitOption = 50,
        after: AfterOption = "",
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """The entries, newest first."""
        from orchvynt.surfaces.cli import audit, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            audit.listed(opened, {"subject": subject, "who": who, "what": what}, limit, after)

    @audit.command()
    def coverage(
        gate: Annotated[str, typer.Option("--gate", metavar="NAME", help="The gate.", show_default=False)],
        begin: Annotated[str, typer.Option("--from", metavar="TIME", help="A day or an instant.", show_default=False)] = "",
        end: Annotated[str, typer.Option("--to", metavar="TIME", help="The same, not included.", show_default=False)] = "",
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """Whether all that a gate matched was decided before it was delivered. Exit 1 if not."""
        from orchvynt.surfaces.cli import audit, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            audit.coverage(opened, gate, begin, end)

    @audit.command()
    def evidence(
        review: Annotated[str, typer.Argument(metavar="REVIEW")],
        output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="Where to write it; - prints it.")] = "-",
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """The evidence pack of one review, as one HTML document."""
        from orchvynt.surfaces.cli import audit, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json=False) as opened:
            audit.evidence(opened, review, output)


def _add_proving(audit: typer.Typer, outside: Outside) -> None:
    @audit.command()
    def head(json: JsonOption = False, server: ServerOption = "", token: TokenOption = "") -> None:
        """The newest entry's number and hash: keep it elsewhere, and hold the chain against it later."""
        from orchvynt.surfaces.cli import audit, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            audit.head(opened)

    @audit.command()
    def verify(
        head: HeadOption = "",
        file: Annotated[str, typer.Option("--file", metavar="FILE", help="An export, checked without a server.", show_default=False)] = "",
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """Check the whole chain. Exit 1, with the first bad number, if anything in it is not what it was."""
        from orchvynt.surfaces.cli import audit, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            audit.verify(opened, head, file)

    @audit.command()
    def export(
        output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="Where to write it; - prints it.")] = "-",
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """All entries as JSON lines, with their chain, oldest first; the last line is the head."""
        from orchvynt.surfaces.cli import audit, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json=False) as opened:
            audit.export(opened, output)


def _add_holding(audit: typer.Typer, outside: Outside) -> None:
    @audit.command()
    def hold(
        where: WhereOption, message: TicketOption, json: JsonOption = False, server: ServerOption = "", token: TokenOption = ""
    ) -> None:
        """Put records under a legal hold: they are neither forgotten nor do they expire."""
        from orchvynt.surfaces.cli import audit, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            audit.hold(opened, where, message)

    @audit.command()
    def holds(json: JsonOption = False, server: ServerOption = "", token: TokenOption = "") -> None:
        """The legal holds, oldest first."""
        from orchvynt.surfaces.cli import audit, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            audit.holds(opened)

    @audit.command()
    def release(
        hold: Annotated[str, typer.Argument(metavar="HOLD", help="Its id, such as hold_17.")],
        message: TicketOption,
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """End a legal hold."""
        from orchvynt.surfaces.cli import audit, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            audit.release(opened, hold, message)
