"""`orchvynt doctor`: looks at what usually goes wrong, and says what to do about it."""

import http.client
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from orchvynt.adapters.secrets import EnvSecrets
from orchvynt.assembly import settings
from orchvynt.assembly.policy_file import PolicyRefusedError, read
from orchvynt.language.compile import load
from orchvynt.language.snapshot import SecretRef
from orchvynt.ports.secrets import SecretMissingError
from orchvynt.surfaces.operator_shapes import Health

_HEALTH_BYTES_MAX: Final = 64 * 1024
_NOT_WELL: Final = {
    "store_away": "`orchvynt status` says since when, why, and what is closed.",
    "draining": "It is stopping: it finishes what is open.",
}


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at. `help` says what to do where `ok` is false."""

    ok: bool
    what: str
    found: str
    help: str = ""


def run(policy: str, server: str, json: bool, environment: Mapping[str, str], directory: Path) -> int:
    """Prints what was found; 1 if something is wrong."""
    findings = list(examine(policy, server, environment, directory))
    if json:
        sys.stdout.write(msgspec.json.encode({"items": findings, "next": None}).decode() + "\n")
    else:
        for one in findings:
            sys.stdout.write(f"{'ok  ' if one.ok else 'FAIL'}  {one.what}: {one.found}\n")
            if one.help:
                sys.stdout.write(f"      {one.help}\n")
    return 0 if all(one.ok for one in findings) else 1


def examine(policy: str, server: str, environment: Mapping[str, str], directory: Path) -> Iterator[Finding]:
    """Looks at the machine, the policy and its secrets, and the server, in this order."""
    yield _python()
    yield from _policy(policy or settings.DEFAULT_POLICY, bool(policy), environment, directory)
    yield _server(server or environment.get("ORCHVYNT_SERVER", "") or settings.DEFAULT_ADMIN)


def _python() -> Finding:
    loop = "uvloop" if settings.has_uvloop() else "asyncio (uvloop is not installed: slower)"
    return Finding(True, "python", f"{sys.version.split()[0]}, event loop {loop}")


def _policy(path: str, wanted: bool, environment: Mapping[str, str], directory: Path) -> Iterator[Finding]:
    if not wanted and not (directory / path).exists():
        yield Finding(True, "policy", f"no {path} here")
        return
    try:
        loaded = load(read(str(directory / path)), path)
    except PolicyRefusedError as error:
        yield Finding(False, "policy", str(error))
        return
    errors = [problem for problem in loaded.problems if problem.severity == "error"]
    if loaded.snapshot is None:
        yield Finding(False, "policy", f"{path} has {len(errors)} problems", f"orchvynt validate {path}")
        return
    yield Finding(True, "policy", f"{path}: {len(loaded.snapshot.models)} models, {len(loaded.snapshot.budgets)} budgets")
    secrets = EnvSecrets(environment)
    yield from (_secret(secrets, f"provider {one.name}", one.api_key, "its key") for one in loaded.snapshot.providers.values())
    signed = loaded.snapshot.destinations.values()
    yield from (_secret(secrets, f"destination {one.name}", one.secret, "the secret that signs what it gets") for one in signed)


def _secret(secrets: EnvSecrets, whose: str, ref: SecretRef | None, what: str) -> Finding:
    if ref is None:
        return Finding(True, whose, "needs no key")
    try:
        secrets.resolve(ref)
    except SecretMissingError as error:
        return Finding(
            False,
            whose,
            f"{what} cannot be read here: {error}",
            "The server resolves it: what counts is the environment of `orchvynt serve`.",
        )
    return Finding(True, whose, f"{what} can be read here")


def _server(address: str) -> Finding:
    host, _, port = address.removeprefix("http://").rstrip("/").rpartition(":")
    try:
        with closing(http.client.HTTPConnection(host, int(port), timeout=2)) as connection:
            connection.request("GET", "/api/v1/health")
            with connection.getresponse() as answer:
                health = answer.read(_HEALTH_BYTES_MAX)
    except (OSError, ValueError, http.client.HTTPException, socket.gaierror):
        return Finding(False, "server", f"nothing answers at {address}", "Start one: orchvynt serve")
    if answer.status == 200 and (help := _NOT_WELL.get(_status(health))):
        return Finding(False, "server", f"{address} answers: {_status(health)}", help)
    return Finding(answer.status == 200, "server", f"{address} answers {answer.status}")


def _status(health: bytes) -> str:
    """Empty where something else than OrchVynt answers."""
    try:
        return msgspec.json.decode(health, type=Health).status
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
