"""The commands about the policy of a running server: their options, and which body answers.

Bodies are imported inside the commands, as in server_commands.
"""

from typing import Annotated

import typer

from orchvynt.surfaces.cli.asking import (
    DEFAULT_POLICY,
    AfterOption,
    JsonOption,
    LimitOption,
    PolicyArgument,
    ServerOption,
    TokenOption,
    markup,
)
from orchvynt.surfaces.cli.outside import Outside

POLICY = "Policy"
UntilOption = Annotated[
    str,
    typer.Option("--until", metavar="DURATION", help="Over a watched file: for so long, such as 2h.", show_default=False),
]

GlassOption = Annotated[bool, typer.Option("--break-glass", help="Though it weakens what is protected; tells everybody.")]


def add_policy_commands(app: typer.Typer, outside: Outside) -> None:
    @app.command(rich_help_panel=POLICY)
    def apply(
        message: Annotated[str, typer.Option("-m", "--message", metavar="WHY", help="Why; kept in the history.", show_default=False)],
        path: PolicyArgument = DEFAULT_POLICY,
        expect: Annotated[int | None, typer.Option("--expect", metavar="VERSION", min=0, help="Only if this version is in force.")] = None,
        commit: Annotated[
            str, typer.Option("--commit", metavar="SHA", help="Its commit (git's, if the file is committed as it is).", show_default=False)
        ] = "",
        until: UntilOption = "",
        break_glass: GlassOption = False,
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """Put a policy in force, on a running server, in seconds."""
        from orchvynt.surfaces.cli import policies, session  # noqa: PLC0415 - see the module's docstring

        if not message.strip():
            raise typer.BadParameter("say why", param_hint="-m")
        with session.session(outside, server, token, json) as opened:
            policies.apply(opened, path, message, expect, commit, until, break_glass)

    @app.command(rich_help_panel=POLICY)
    def rollback(
        version: Annotated[int | None, typer.Argument(min=1, help="Without it: the version before the one in force.")] = None,
        message: Annotated[str, typer.Option("-m", "--message", metavar="WHY", help="Why.", show_default=False)] = "",
        until: UntilOption = "",
        break_glass: GlassOption = False,
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """Go back to an earlier version of the policy."""
        from orchvynt.surfaces.cli import policies, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            policies.rollback(opened, version, message, until, break_glass)


def add_history_commands(app: typer.Typer, outside: Outside) -> None:
    policy = typer.Typer(no_args_is_help=True, rich_markup_mode=markup(), help="The policy in force.")
    app.add_typer(policy, name="policy", rich_help_panel=POLICY)

    @app.command(rich_help_panel=POLICY)
    def history(
        limit: LimitOption = 20, after: AfterOption = "", json: JsonOption = False, server: ServerOption = "", token: TokenOption = ""
    ) -> None:
        """Every version of the policy: who, when, why."""
        from orchvynt.surfaces.cli import policies, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            policies.history(opened, limit, after)

    @app.command(rich_help_panel=POLICY)
    def diff(
        a: Annotated[str, typer.Argument(metavar="[A|PATH]", help="A version; or a file, for what it would change.")] = DEFAULT_POLICY,
        b: Annotated[int | None, typer.Argument(min=1, metavar="[B]", help="Another version; without it the one in force.")] = None,
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """What changes between two versions, or with a file: in words, then as YAML."""
        from orchvynt.surfaces.cli import policies, session  # noqa: PLC0415 - see the module's docstring

        is_version = a.isascii() and a.isdigit()
        if b is not None and not is_version:
            raise typer.BadParameter("a file is compared with what is in force, not with a version", param_hint="B")
        if is_version and not 0 < int(a[:10]) < 1_000_000_000:
            raise typer.BadParameter(f"{a} is no version", param_hint="A")
        with session.session(outside, server, token, json) as opened:
            if is_version:
                policies.diff_versions(opened, int(a), b)
            else:
                policies.diff_file(opened, a)

    @policy.command()
    def pull(
        version: Annotated[int | None, typer.Option("--version", min=1, help="Without it: the one in force.")] = None,
        output: Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="Write it there.", show_default=False)] = "",
        json: JsonOption = False,
        server: ServerOption = "",
        token: TokenOption = "",
    ) -> None:
        """The live policy as a file, byte for byte."""
        from orchvynt.surfaces.cli import policies, session  # noqa: PLC0415 - see the module's docstring

        with session.session(outside, server, token, json) as opened:
            policies.pull(opened, version, output)
