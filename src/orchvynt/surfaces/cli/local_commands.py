"""The commands that run here, without a server: their options. Assembly does the work."""

from typing import Annotated

import typer

from orchvynt.surfaces.cli.asking import DEFAULT_POLICY, JsonOption, PolicyArgument, ServerOption, markup
from orchvynt.surfaces.cli.outside import (
    BackupOptions,
    DemoOptions,
    DoctorOptions,
    InitOptions,
    MigrateOptions,
    MoveOptions,
    OidcOptions,
    Outside,
    ReopenOptions,
    ScriptedProviderOptions,
    ServeOptions,
)

START, POLICY, TOOLS = "Start", "Policy", "Tools"

InvocationsMax = Annotated[
    int | None, typer.Option("--invocations-max", metavar="N", min=1, help="How many may be open at once (16384).", show_default=False)
]
ClientSecret = Annotated[
    str, typer.Option("--oidc-client-secret", metavar="REF", help="Where the client's secret is: ${env:NAME} or ${file:NAME}.")
]
DefaultRole = Annotated[str, typer.Option("--oidc-default-role", metavar="ROLE", help="What everybody else gets (viewer), or none.")]


def add_start_commands(app: typer.Typer, outside: Outside) -> None:
    @app.command(rich_help_panel=START)
    def serve(
        policy: Annotated[str, typer.Option("--policy", metavar="PATH", help="The policy to begin with (orchvynt.yaml).")] = "",
        listen: Annotated[str, typer.Option("--listen", metavar="HOST:PORT", help="Where agents call (127.0.0.1:4821).")] = "",
        admin: Annotated[str, typer.Option("--admin", metavar="HOST:PORT", help="Where operators call (127.0.0.1:4822).")] = "",
        store: Annotated[str, typer.Option("--store", metavar="URL", help="Where state is kept (sqlite:///orchvynt.db).")] = "",
        journal: Annotated[str, typer.Option("--journal", metavar="DIR", help="With PostgreSQL: the facts of here.")] = "",
        workers: Annotated[int, typer.Option("--workers", metavar="N", min=1, max=256, help="How many processes serve.")] = 1,
        secret_env: Annotated[str, typer.Option("--secret-env", metavar="GLOBS", help="Variables that the policy may name.")] = "",
        secret_dir: Annotated[str, typer.Option("--secret-dir", metavar="DIR", help="Where secret files may lie (/run/secrets).")] = "",
        watch: Annotated[bool, typer.Option("--watch", help="The policy's file is the truth, also while it runs.")] = False,
        insecure_admin: Annotated[bool, typer.Option("--insecure-admin", help="Admin beyond the loopback without TLS.")] = False,
        admin_url: Annotated[str, typer.Option("--admin-url", metavar="URL", help="What browsers call the admin port.")] = "",
        oidc_issuer: Annotated[str, typer.Option("--oidc-issuer", metavar="URL", help="The identity provider of people.")] = "",
        oidc_client_id: Annotated[str, typer.Option("--oidc-client-id", metavar="ID", help="What it knows this server as.")] = "",
        oidc_client_secret: ClientSecret = "",
        oidc_groups_claim: Annotated[
            str, typer.Option("--oidc-groups-claim", metavar="NAME", help="The claim with a person's groups (groups).")
        ] = "",
        oidc_role: Annotated[
            list[str] | None,
            typer.Option("--oidc-role", metavar="GROUP=ROLE", help="Which role a group of the provider gives; repeatable."),
        ] = None,
        oidc_default_role: DefaultRole = "",
        oidc_scope: Annotated[
            list[str] | None,
            typer.Option("--oidc-scope", metavar="SCOPE", help="A further scope to ask it for, such as groups; repeatable."),
        ] = None,
        invocations_max: InvocationsMax = None,
        drain: Annotated[float, typer.Option("--drain", metavar="SECONDS", min=0, help="How long open work may end at a stop.")] = 30.0,
    ) -> None:
        """Run the control plane."""
        globs = tuple(part.strip() for part in secret_env.split(",") if part.strip())
        oidc = OidcOptions(
            oidc_issuer, oidc_client_id, oidc_client_secret, oidc_groups_claim, tuple(oidc_role or ()), oidc_default_role,
            tuple(oidc_scope or ()),
        )  # fmt: skip
        told = (
            policy, listen, admin, store, globs, secret_dir, insecure_admin, drain, watch, admin_url, oidc, journal,
            invocations_max or 0, workers,
        )  # fmt: skip
        raise typer.Exit(outside.local.serve(ServeOptions(*told)))

    @app.command(rich_help_panel=START)
    def demo(
        local: Annotated[bool, typer.Option("--local", help="A real small model as last tier (extra `local`).")] = False,
        keep: Annotated[str, typer.Option("--keep", metavar="DIR", help="Keep its files there.", show_default=False)] = "",
    ) -> None:
        """See the whole story in a minute: no key, no clone."""
        raise typer.Exit(outside.local.demo(DemoOptions(local, keep)))

    @app.command(rich_help_panel=START)
    def init(
        path: PolicyArgument = DEFAULT_POLICY,
        force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
    ) -> None:
        """Write a first policy from the keys in the environment."""
        raise typer.Exit(outside.local.init(InitOptions(path, force)))


def add_store_commands(app: typer.Typer, outside: Outside) -> None:
    @app.command(rich_help_panel=START)
    def migrate(
        store: Annotated[str, typer.Option("--store", metavar="URL", help="The store, postgresql://….")],
        only_print: Annotated[bool, typer.Option("--print", help="Only print what would be run, for psql.")] = False,
        json: JsonOption = False,
    ) -> None:
        """Bring a PostgreSQL store to this build's schema."""
        raise typer.Exit(outside.local.migrate(MigrateOptions(store, only_print, json)))

    stores = typer.Typer(no_args_is_help=True, rich_markup_mode=markup(), help="Look after a store while nobody serves from it.")
    app.add_typer(stores, name="store", rich_help_panel=START)

    @stores.command()
    def move(
        source: Annotated[str, typer.Argument(metavar="FROM", help="The store that is there, sqlite:///PATH or postgresql://….")],
        target: Annotated[str, typer.Argument(metavar="TO", help="An empty one, of either kind.")],
        source_journal: Annotated[str, typer.Option("--from-journal", metavar="DIR", help="Of a PostgreSQL store: its journal.")] = "",
        target_journal: Annotated[str, typer.Option("--to-journal", metavar="DIR", help="Of a PostgreSQL store: its journal to be.")] = "",
        json: JsonOption = False,
    ) -> None:
        """Move all that a store holds into an empty one: all, or nothing."""
        raise typer.Exit(outside.local.move(MoveOptions(source, target, source_journal, target_journal, json)))

    @stores.command()
    def reopen(
        store: Annotated[str, typer.Argument(metavar="STORE", help="A store that was moved elsewhere.")],
        message: Annotated[str, typer.Option("-m", "--message", metavar="WHY", help="Why; kept in the audit.", show_default=False)],
        journal: Annotated[str, typer.Option("--journal", metavar="DIR", help="Of a PostgreSQL store: its journal.")] = "",
        json: JsonOption = False,
    ) -> None:
        """Serve again from a store that was moved, where the one that it was moved to is lost."""
        raise typer.Exit(outside.local.reopen(ReopenOptions(store, journal, message, json)))

    @stores.command()
    def backup(
        store: Annotated[str, typer.Argument(metavar="STORE", help="The store, sqlite:///PATH; it may be in use.")],
        file: Annotated[str, typer.Argument(metavar="FILE", help="The file to write, which is not there yet.")],
        json: JsonOption = False,
    ) -> None:
        """Copy a SQLite store as it stands at one moment, also while somebody serves from it."""
        raise typer.Exit(outside.local.backup(BackupOptions(store, file, json)))


def add_tool_commands(app: typer.Typer, outside: Outside) -> None:
    @app.command(rich_help_panel=POLICY)
    def validate(path: PolicyArgument = DEFAULT_POLICY, json: JsonOption = False) -> None:
        """Check a policy without a network."""
        # Loads rich, which `--help` need not pay for twice; see server_commands.
        from orchvynt.surfaces.cli import policies  # noqa: PLC0415

        raise typer.Exit(policies.validate(outside, path, json))

    @app.command(rich_help_panel=POLICY)
    def test(
        path: PolicyArgument = DEFAULT_POLICY,
        name: Annotated[str, typer.Option("-k", metavar="NAME", help="Only tests with this in their name.", show_default=False)] = "",
        junit: Annotated[str, typer.Option("--junit", metavar="FILE", help="Write JUnit XML there, for CI.", show_default=False)] = "",
        json: JsonOption = False,
    ) -> None:
        """Run a policy's own tests: no network, virtual time."""
        from orchvynt.surfaces.cli import testing  # noqa: PLC0415 - as above

        raise typer.Exit(testing.test(outside, path, name, junit, json))

    @app.command(rich_help_panel=TOOLS)
    def doctor(
        policy: Annotated[str, typer.Option("--policy", metavar="PATH", help="The policy file (orchvynt.yaml).")] = "",
        json: JsonOption = False,
        server: ServerOption = "",
    ) -> None:
        """Find out why something does not work."""
        raise typer.Exit(outside.local.doctor(DoctorOptions(policy, server, json)))

    @app.command("scripted-provider", rich_help_panel=TOOLS)
    def scripted_provider(
        listen: Annotated[str, typer.Option("--listen", metavar="HOST:PORT", help="Where to listen; port 0 takes a free one.")] = "",
        script: Annotated[str, typer.Option("--script", metavar="FILE", help="What to answer (YAML).")] = "",
        ledger: Annotated[str, typer.Option("--ledger", metavar="FILE", help="Where arrivals and bills are written.")] = "",
        control: Annotated[str, typer.Option("--control", metavar="HOST:PORT", help="A second address for live control.")] = "",
        stop_with_stdin: Annotated[bool, typer.Option("--stop-with-stdin", help="Stop when standard input ends.")] = False,
    ) -> None:
        """A model provider that plays a script, for tests and trials."""
        options = ScriptedProviderOptions(listen, script, ledger, control, stop_with_stdin)
        raise typer.Exit(outside.local.scripted_provider(options))
