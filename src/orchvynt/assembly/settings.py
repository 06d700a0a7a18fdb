"""Settings of one process. The only module that reads the environment."""

import importlib.util
import os
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from orchvynt.adapters import apprise_sending
from orchvynt.adapters.postgres.target import INSTALL as POSTGRES_INSTALL
from orchvynt.adapters.postgres.target import SCHEMES, Target, target
from orchvynt.adapters.presidio import analyzing
from orchvynt.adapters.secrets import DEFAULT_SECRET_DIR, DEFAULT_SECRET_ENV
from orchvynt.detectors.presidio import INSTALL
from orchvynt.language.detecting import of_presidio
from orchvynt.language.snapshot import SecretRef, Snapshot
from orchvynt.model.roles import Role

DEFAULT_LISTEN: Final = "127.0.0.1:4821"
DEFAULT_ADMIN: Final = "127.0.0.1:4822"
DEFAULT_STORE: Final = "sqlite:///orchvynt.db"
DEFAULT_JOURNAL: Final = "orchvynt.journal"
DEFAULT_POLICY: Final = "orchvynt.yaml"
FIX: Final = """\
  keys: [{name: agents}]         # in the policy
  orchvynt keys issue agents     # prints the secret that agents send as their API key"""
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class WrongUseError(Exception):
    """The command line asks for something that cannot be: exit code 2."""


class OidcSettings(msgspec.Struct, frozen=True):
    """How people log in by an identity provider. `roles` are pairs of a group there and the role it gives; `otherwise` None: nobody
    without such a group comes in. `scopes` are asked for beside our own."""

    issuer: str
    client_id: str
    secret: SecretRef | None = None
    groups_claim: str = "groups"
    roles: tuple[tuple[str, Role], ...] = ()
    otherwise: Role | None = "viewer"
    scopes: tuple[str, ...] = ()


class StorePlace(msgspec.Struct, frozen=True):
    """Where state is kept: in the database at `target`, or where there is none in the SQLite file `path`. `journal` is the directory of
    the facts that are not there yet."""

    path: str = "orchvynt.db"
    journal: str = "orchvynt.db.journal"
    target: Target | None = None

    @property
    def shown(self) -> str:
        """Without a password."""
        return self.target.shown if self.target is not None else f"sqlite:///{self.path}"


class Settings(msgspec.Struct, frozen=True):
    """What `orchvynt serve` was told. `policy` is empty if no file was given and none stands here."""

    policy: str = ""
    listen_host: str = "127.0.0.1"
    listen_port: int = 4821
    admin_host: str = "127.0.0.1"
    admin_port: int = 4822
    store: StorePlace = StorePlace()
    secret_env: tuple[str, ...] = DEFAULT_SECRET_ENV
    secret_dir: str = DEFAULT_SECRET_DIR
    insecure_admin: bool = False
    admin_url: str = ""
    oidc: OidcSettings | None = None
    drain_seconds: float = 30.0
    watch: bool = False


def environment() -> Mapping[str, str]:
    """A copy of the environment, taken once."""
    return dict(os.environ)  # noqa: TID251 - settings are read once, here


def address(text: str, default: str, option: str) -> tuple[str, int]:
    """`HOST:PORT` (an IPv6 host in brackets) → host, port. Raises WrongUseError."""
    host, _, port = (text or default).rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
        raise WrongUseError(f"{option} {text}: write HOST:PORT, such as {default}.")
    return host, int(port)


def store_place(url: str, journal: str = "") -> StorePlace:
    """`sqlite:///PATH` (four slashes for an absolute one), or `postgresql://…` with a journal of its own. Raises WrongUseError, which
    tells no password."""
    scheme, mark, rest = (url or DEFAULT_STORE).partition("://")
    if mark and scheme in SCHEMES:
        return StorePlace("", journal or DEFAULT_JOURNAL, database(url))
    if scheme != "sqlite" or not rest.removeprefix("/") or not rest.startswith("/"):
        where = f"{scheme}://…" if mark else url
        raise WrongUseError(
            f"--store {where}: state is kept in SQLite or PostgreSQL. Write sqlite:///PATH or postgresql://USER@HOST/DATABASE."
        )
    if journal:
        raise WrongUseError("--journal is for PostgreSQL: the journal of a SQLite store lies beside it.")
    path = rest.removeprefix("/")
    return StorePlace(path, f"{path}.journal")


def database(url: str) -> Target:
    """Raises WrongUseError."""
    try:
        found = target(url)
    except ValueError as error:
        raise WrongUseError(f"--store postgresql://…: {error}") from None
    if importlib.util.find_spec("asyncpg") is None:
        raise WrongUseError(f"--store {found.shown}: asyncpg is not installed here. Install it: {POSTGRES_INSTALL}")
    return found


def admin_url(text: str) -> str:
    """`https://HOST[:PORT]` or `http://…` without a path, as browsers write it; empty stays empty. Raises WrongUseError."""
    try:
        parts = urlsplit(text)
        plain = parts.scheme in ("http", "https") and parts.hostname and parts.username is None and (parts.port or 1)
    except ValueError:
        plain = False
    if text and (not plain or parts.path.strip("/") or parts.query or parts.fragment):
        raise WrongUseError(f"--admin-url {text}: write what browsers call the admin port, such as https://orchvynt.example.com.")
    return text.rstrip("/")


def check_watch(settings: Settings) -> None:
    """Only a file can be watched. Raises WrongUseError."""
    if settings.watch and not settings.policy:
        raise WrongUseError(f"--watch needs a file to watch: give --policy PATH, or start it where {DEFAULT_POLICY} lies.")


def check_exposure(settings: Settings) -> None:
    """Refuses to let strangers at an unprotected admin plane. Raises WrongUseError. Of the data plane the policy decides: `unfit`."""
    if settings.admin_host not in LOOPBACK and not settings.insecure_admin:
        raise WrongUseError(
            f"--admin {settings.admin_host}:{settings.admin_port}: beyond the loopback the admin plane needs TLS in front of it. "
            "Give --insecure-admin if there is."
        )


def unfit(settings: Settings, snapshot: Snapshot) -> str:
    """Why a process with these settings may not serve this policy, and what fixes it; empty if it may."""
    needs = sorted(name for name, one in snapshot.destinations.items() if one.channel == "apprise")
    if needs and not apprise_sending.is_installed():
        return f"its destination {needs[0]} needs Apprise, which is not installed here. Install it: {apprise_sending.INSTALL}"
    if why := _no_presidio(snapshot):
        return why
    if snapshot.keys or settings.listen_host in LOOPBACK:
        return ""
    return (
        f"it has no `keys`, so any credential and none is accepted, and --listen {settings.listen_host}:{settings.listen_port} is open to "
        f"more than this machine. Write keys into the policy and issue a secret, or listen on {DEFAULT_LISTEN}:\n{FIX}"
    )


def _no_presidio(snapshot: Snapshot) -> str:
    """Why gates that ask Presidio would only ever close here; empty if they would not."""
    terms = snapshot.presidio
    if terms is None:
        return ""
    asking = next(gate.name for gate in snapshot.gates if gate.when is not None and of_presidio(gate.when.names))
    if not analyzing.is_installed():
        return f"its gate {asking} asks Presidio, which is not installed here. Install it: {INSTALL}"
    if terms.model and not analyzing.has_model(terms.model):
        return f"`presidio.model` is {terms.model}, which is not installed here. Install it beside OrchVynt, for the version of its spaCy."
    return ""


def has_uvloop() -> bool:
    """Whether the fast event loop is installed."""
    return importlib.util.find_spec("uvloop") is not None
