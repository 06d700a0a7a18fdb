"""The command `orchvynt`: builds the command line and gives it what only assembly knows.

Each command's own libraries are loaded when it runs: `orchvynt --help` must not wait for a web server.
"""

# ruff: noqa: PLC0415 - see above; the command line starts in under 300 ms because of it
import gc
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from orchvynt.assembly import settings
from orchvynt.assembly.built import built
from orchvynt.surfaces.cli.app import build_app
from orchvynt.surfaces.cli.outside import (
    BackupOptions,
    DemoOptions,
    DoctorOptions,
    InitOptions,
    LocalCommands,
    MigrateOptions,
    MoveOptions,
    Outside,
    ReopenOptions,
    ScriptedProviderOptions,
    ServeOptions,
)

if TYPE_CHECKING:
    from orchvynt.language.problems import Problem
    from orchvynt.surfaces.rehearsed import Rehearsal


def main() -> None:
    """Runs the command line of this process. Ends it with the exit code."""
    environment = settings.environment()
    directory = Path.cwd()
    local = LocalCommands(
        serve=lambda options: _serve(options, environment, directory),
        demo=lambda options: _demo(options, environment),
        scripted_provider=_scripted_provider,
        init=lambda options: _init(options, environment),
        doctor=lambda options: _doctor(options, environment, directory),
        migrate=_migrate,
        move=_move,
        reopen=_reopen,
        backup=_backup,
        validate=_validate,
        test=_test,
    )
    build_app(Outside(environment, directory, time.time_ns, version("orchvynt"), local, built()))()


def _serve(options: ServeOptions, environment: Mapping[str, str], directory: Path) -> int:
    # Until all is built there is nothing to collect, only objects to look at in vain; `serve` turns it on again.
    gc.disable()
    try:
        found = serve_settings(options, directory)
        if found.workers > 1:
            from orchvynt.assembly import workers

            return workers.run(found)
        from orchvynt.assembly import serve

        return serve.run(found, environment)
    except settings.WrongUseError as error:
        return _wrong_use("serve", error)


def serve_settings(options: ServeOptions, directory: Path) -> settings.Settings:
    """The settings that the options mean; without --policy the file that stands here, if there is one. Raises WrongUseError."""
    from orchvynt.assembly.oidc_settings import oidc_settings

    listen = settings.address(options.listen, settings.DEFAULT_LISTEN, "--listen")
    admin = settings.address(options.admin, settings.DEFAULT_ADMIN, "--admin")
    here = settings.DEFAULT_POLICY if (directory / settings.DEFAULT_POLICY).exists() else ""
    defaults = settings.Settings()
    found = settings.Settings(
        policy=options.policy or here,
        listen_host=listen[0],
        listen_port=listen[1],
        admin_host=admin[0],
        admin_port=admin[1],
        store=settings.store_place(options.store, options.journal),
        secret_env=options.secret_env or defaults.secret_env,
        secret_dir=options.secret_dir or defaults.secret_dir,
        insecure_admin=options.insecure_admin,
        drain_seconds=options.drain_seconds,
        invocations_max=options.invocations_max or defaults.invocations_max,
        watch=options.watch,
        admin_url=settings.admin_url(options.admin_url),
        oidc=oidc_settings(options.oidc),
        workers=options.workers,
    )
    settings.check_exposure(found)
    settings.check_watch(found)
    return found


def _demo(options: DemoOptions, environment: Mapping[str, str]) -> int:
    from orchvynt.demo.show import run

    return run(local=options.local, keep=options.keep, environment=environment)


def _scripted_provider(options: ScriptedProviderOptions) -> int:
    from orchvynt.scripted.serve import ScriptedSettings, run

    defaults = ScriptedSettings()
    return run(
        ScriptedSettings(
            listen=options.listen or defaults.listen,
            script=Path(options.script) if options.script else None,
            ledger=Path(options.ledger) if options.ledger else defaults.ledger,
            control=options.control or None,
            stop_with_stdin=options.stop_with_stdin,
        )
    )


def _init(options: InitOptions, environment: Mapping[str, str]) -> int:
    from orchvynt.assembly.init import run

    return run(options.path, options.force, environment)


def _doctor(options: DoctorOptions, environment: Mapping[str, str], directory: Path) -> int:
    from orchvynt.assembly.doctor import run

    return run(options.policy, options.server, options.json, environment, directory)


def _migrate(options: MigrateOptions) -> int:
    try:
        target = settings.database(options.store)
    except settings.WrongUseError as error:
        return _wrong_use("migrate", error)
    from orchvynt.assembly.migrate import run

    return run(target, options.only_print, options.json)


def _move(options: MoveOptions) -> int:
    try:
        source = settings.store_place(options.source, options.source_journal)
        target = settings.store_place(options.target, options.target_journal)
        if source.shown == target.shown:
            raise settings.WrongUseError("FROM and TO are the same store.")
        if source.journal == target.journal:
            raise settings.WrongUseError("FROM and TO have the same journal. Name another one with --to-journal.")
    except settings.WrongUseError as error:
        return _wrong_use("store move", error)
    from orchvynt.assembly.moving import run

    return run(source, target, options.json)


def _reopen(options: ReopenOptions) -> int:
    try:
        place = settings.store_place(options.store, options.journal)
    except settings.WrongUseError as error:
        return _wrong_use("store reopen", error)
    from orchvynt.assembly.reopening import run

    return run(place, options.message, options.json)


def _backup(options: BackupOptions) -> int:
    try:
        place = settings.store_place(options.store)
        if place.target is not None:
            raise settings.WrongUseError("a PostgreSQL store is backed up by the server's own means, such as pg_dump.")
    except settings.WrongUseError as error:
        return _wrong_use("store backup", error)
    from orchvynt.assembly.backup import run

    return run(place, Path(options.file), options.json)


def _validate(text: str, file: str) -> "tuple[Sequence[Problem], Sequence[str]]":
    from orchvynt.language.compile import load
    from orchvynt.language.holding import stream_lines

    loaded = load(text, file)
    return loaded.problems, stream_lines(loaded.snapshot) if loaded.snapshot is not None else ()


def _test(text: str, file: str, fits: Callable[[str], bool]) -> "Rehearsal":
    from orchvynt.assembly.rehearsing import run

    return run(text, file, fits)


def _wrong_use(command: str, error: Exception) -> int:
    sys.stderr.write(f"orchvynt {command}: {error}\n")
    return 2
