"""The commands about people and logins: their options. Bodies are imported inside, as in server_commands."""

from typing import Annotated

import typer

from orchvynt.surfaces.cli.asking import AfterOption, JsonOption, LimitOption, RoleChoice, ServerOption, TokenOption, markup
from orchvynt.surfaces.cli.outside import Outside

OPERATION = "Operation"

EmailArgument = Annotated[str, typer.Argument(metavar="EMAIL", help="The person's e-mail address.")]


def add_login_commands(app: typer.Typer, outside: Outside) -> None:
    @app.command(rich_help_panel=OPERATION)
    def login(
        email: Annotated[str, typer.Argument(metavar="[EMAIL]", help="Who; the password is asked for.", show_default=False)] = "",
        browser: Annotated[bool, typer.Option("--browser", help="In a browser, also by the identity provider.")] = False,
        json: JsonOption = False,
        server: ServerOption = "",
    ) -> None:
        """Log in as a person; commands act as you from then on."""
        from orchvynt.surfaces.cli import people, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, "", json) as opened:
            people.login(opened, email, browser)

    @app.command(rich_help_panel=OPERATION)
    def logout(json: JsonOption = False, server: ServerOption = "") -> None:
        """End the session of `orchvynt login`."""
        from orchvynt.surfaces.cli import people, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, "", json) as opened:
            people.logout(opened)

    @app.command(rich_help_panel=OPERATION)
    def whoami(json: JsonOption = False, server: ServerOption = "", token: TokenOption = "") -> None:
        """Say whom the server takes you for."""
        from orchvynt.surfaces.cli import people, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            people.whoami(opened)


def add_people_commands(app: typer.Typer, outside: Outside) -> None:
    people_app = typer.Typer(no_args_is_help=True, rich_markup_mode=markup(), help="People: who may log in, and what they may do.")
    app.add_typer(people_app, name="people", rich_help_panel=OPERATION)

    @people_app.command("list")
    def listed(
        limit: LimitOption = 100, after: AfterOption = "", json: JsonOption = False, server: ServerOption = "", token: TokenOption = ""
    ) -> None:
        """People, by address."""
        from orchvynt.surfaces.cli import people, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            people.listed(opened, limit, after)

    @people_app.command()
    def add(
        email: EmailArgument,
        name: Annotated[str, typer.Option("--name", metavar="NAME", help="What others call them.", show_default=False)] = "",
        role: Annotated[RoleChoice, typer.Option("--role", help="What they may do.")] = RoleChoice.viewer,
        password: Annotated[bool, typer.Option("--password", help="Ask for a password, or read it from standard input.")] = False,
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """Add a person."""
        from orchvynt.surfaces.cli import people, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            people.add(opened, email, name, role.value, password)

    @people_app.command()
    def role(
        email: EmailArgument,
        role: Annotated[RoleChoice, typer.Argument(help="What they may do from now on.")],
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """Change what a person may do."""
        from orchvynt.surfaces.cli import people, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            people.role(opened, email, role.value)

    @people_app.command()
    def password(email: EmailArgument, json: JsonOption = False, server: ServerOption = "", token: TokenOption = "") -> None:
        """Set a password, from a prompt or standard input; all sessions of the person end."""
        from orchvynt.surfaces.cli import people, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            people.password(opened, email)

    _add_state_commands(people_app, outside)


def _add_state_commands(people_app: typer.Typer, outside: Outside) -> None:
    @people_app.command()
    def disable(email: EmailArgument, json: JsonOption = False, server: ServerOption = "", token: TokenOption = "") -> None:
        """Keep a person out; all their sessions end at once."""
        from orchvynt.surfaces.cli import people, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            people.disable(opened, email, disabled=True)

    @people_app.command()
    def enable(email: EmailArgument, json: JsonOption = False, server: ServerOption = "", token: TokenOption = "") -> None:
        """Let a disabled person in again."""
        from orchvynt.surfaces.cli import people, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            people.disable(opened, email, disabled=False)

    @people_app.command()
    def unlink(email: EmailArgument, json: JsonOption = False, server: ServerOption = "", token: TokenOption = "") -> None:
        """Forget which account of the identity provider is theirs."""
        from orchvynt.surfaces.cli import people, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            people.unlink(opened, email)
