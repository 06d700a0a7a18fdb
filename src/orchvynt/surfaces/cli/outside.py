"""What the command line is given from outside: the environment, the clock, and the commands that need the server side."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchvynt.model.builds import Build

if TYPE_CHECKING:
    from orchvynt.language.problems import Problem
    from orchvynt.surfaces.rehearsed import Rehearsal


@dataclass(frozen=True)
class OidcOptions:
    """How people log in by an identity provider. `secret` is a reference, `roles` are `GROUP=ROLE` each."""

    issuer: str = ""
    client_id: str = ""
    secret: str = ""
    groups_claim: str = ""
    roles: tuple[str, ...] = ()
    default_role: str = ""
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ServeOptions:
    """An empty text means that the option was not given, and so does 0 invocations. `secret_env` are patterns of variable names."""

    policy: str
    listen: str
    admin: str
    store: str
    secret_env: tuple[str, ...]
    secret_dir: str
    insecure_admin: bool
    drain_seconds: float
    watch: bool = False
    admin_url: str = ""
    oidc: OidcOptions = OidcOptions()
    journal: str = ""
    invocations_max: int = 0
    workers: int = 1


@dataclass(frozen=True)
class DemoOptions:
    """`local` takes the real local model as last tier. `keep` is a directory that stays; empty: a temporary one."""

    local: bool
    keep: str


@dataclass(frozen=True)
class ScriptedProviderOptions:
    """An empty text means that the option was not given."""

    listen: str
    script: str
    ledger: str
    control: str
    stop_with_stdin: bool


@dataclass(frozen=True)
class InitOptions:
    """`path` is the policy file to write; an existing one is kept unless `force`."""

    path: str
    force: bool


@dataclass(frozen=True)
class DoctorOptions:
    policy: str
    server: str
    json: bool


@dataclass(frozen=True)
class MigrateOptions:
    """`only_print`: nothing is changed."""

    store: str
    only_print: bool
    json: bool


@dataclass(frozen=True)
class MoveOptions:
    """Stores by their URLs. The journals are those of PostgreSQL stores; empty where they are not given."""

    source: str
    target: str
    source_journal: str
    target_journal: str
    json: bool


@dataclass(frozen=True)
class ReopenOptions:
    """`store` by its URL, `journal` that of a PostgreSQL store, or empty; `message` says why."""

    store: str
    journal: str
    message: str
    json: bool


@dataclass(frozen=True)
class BackupOptions:
    """`store` by its URL; `file` must not be there yet."""

    store: str
    file: str
    json: bool


@dataclass(frozen=True)
class LocalCommands:
    """The commands that need the server side; assembly implements them. All but the last two give the exit code.

    `validate` and `test` take a policy's text and the name to give problems under; `test` takes which of its tests to run, by name, too.
    The first gives the problems, and which gates hold which streams.
    """

    serve: Callable[[ServeOptions], int]
    demo: Callable[[DemoOptions], int]
    scripted_provider: Callable[[ScriptedProviderOptions], int]
    init: Callable[[InitOptions], int]
    doctor: Callable[[DoctorOptions], int]
    migrate: Callable[[MigrateOptions], int]
    move: Callable[[MoveOptions], int]
    reopen: Callable[[ReopenOptions], int]
    backup: Callable[[BackupOptions], int]
    validate: Callable[[str, str], "tuple[Sequence[Problem], Sequence[str]]"]
    test: Callable[[str, str, Callable[[str], bool]], "Rehearsal"]


@dataclass(frozen=True)
class Outside:
    """`now` gives nanoseconds UTC. `directory` is where the admin-token file and the default policy are looked for."""

    environment: Mapping[str, str]
    directory: Path
    now: Callable[[], int]
    version: str
    local: LocalCommands
    build: Build = "pure"
