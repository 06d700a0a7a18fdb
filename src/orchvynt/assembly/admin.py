"""The admin plane of a process: its tokens, and uvicorn on the same loop as the data plane."""

import asyncio
import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import uvicorn

from orchvynt.adapters.clock import SystemClock
from orchvynt.adapters.fetching import HttpFetching
from orchvynt.adapters.passwords import Argon2Passwords
from orchvynt.adapters.signatures import JoseSignatures
from orchvynt.assembly.build import Process
from orchvynt.assembly.machine import say
from orchvynt.assembly.plumbing import Measures
from orchvynt.dialects import registry
from orchvynt.lifecycle.gate_verdicts import TOO_LONG
from orchvynt.lifecycle.replies import reply_of
from orchvynt.lifecycle.state import decode
from orchvynt.lifecycle.tiers import candidate_of
from orchvynt.ports.store import Store, TokenRow
from orchvynt.runtime.control import Control
from orchvynt.runtime.oidc_provider import OidcProvider, ProviderSettings
from orchvynt.runtime.people import People
from orchvynt.runtime.policies import Policies
from orchvynt.runtime.slack_votes import SlackVotes
from orchvynt.surfaces.admin.app import admin_app
from orchvynt.surfaces.admin.connections import serving
from orchvynt.surfaces.admin.door import Door
from orchvynt.surfaces.admin.tokens import digest, new_secret

REQUEST_CHARS_MAX = 100_000
TOKEN_FILE = "orchvynt.admin-token"  # noqa: S105 - a file's name


class AdminServer(uvicorn.Server):
    """Signals are the process's business, not the admin plane's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def admin_server(control: Control, process: Process, measures: Measures, fixed: list[TokenRow], port: int) -> AdminServer:
    """Not yet started. `port` is the one that it will listen on."""
    settings = process.settings
    people = People(control.store, process.clock, Argon2Passwords())
    process.tasks.start(people.run(), "sessions")
    app = admin_app(
        control,
        process.clock,
        lambda state: reveal(state, process.policies),
        measures.read,
        process.data_plane.reception.keyring,
        people,
        Door(process.clock, settings.admin_url),
        [settings.admin_host, urlsplit(settings.admin_url).netloc],
        fixed,
        _provider(process, port),
        process.vault.unseal,
        measures.checks,
        SlackVotes(control, process.alerting.delivering.channels, process.secrets, process.clock, process.tasks, say),
    )
    server = AdminServer(serving(app))
    measures.admin_connections = lambda: len(server.server_state.connections)
    return server


def _provider(process: Process, port: int) -> OidcProvider | None:
    settings = process.settings
    if settings.oidc is None:
        return None
    host = f"[{settings.admin_host}]" if ":" in settings.admin_host else settings.admin_host
    redirect = f"{settings.admin_url or f'http://{host}:{port}'}/login/oidc/callback"
    named = ProviderSettings(redirect=redirect, **msgspec.structs.asdict(settings.oidc))
    return OidcProvider(named, HttpFetching(), JoseSignatures(), process.secrets, process.clock)


def reveal(state: bytes, policies: Policies) -> dict[str, Any]:
    """What a reviewer sees of a parked invocation: the answer that waits, and who asked for it. Before its send there is none yet."""
    parked = decode(state)
    claims, ask = parked.invocation.claims, parked.invocation.ask
    said = {
        "workflow": claims.workflow,
        "agent": claims.agent,
        "run": claims.run,
        "flags": list(claims.flags),
    }
    if parked.reply is None and parked.answer is None:
        if parked.streams:
            # It went out as it came.
            return {"not_kept": TOO_LONG, **said}
        text = registry.caller(parked.invocation.dialect).input_text(ask) if ask.body else ""
        model = parked.candidates[0].model if parked.candidates else ask.requested_model
        return {"request": text[:REQUEST_CHARS_MAX], "model": model, **said}
    reply = reply_of(policies.current, parked)
    return {
        "text": reply.text,
        "tool_calls": [{"name": call.name, "arguments": call.arguments} for call in reply.tool_calls],
        "refusal": reply.refusal,
        "finish": reply.finish,
        "model": candidate_of(parked).model,
        **said,
    }


async def first_tokens(
    store: Store, clock: SystemClock, environment: Mapping[str, str], beside: Path
) -> tuple[list[TokenRow], Path | None]:
    """The environment's token, if there is one; else, for a store without any, a new one in a file that only its owner can read."""
    given = environment.get("ORCHVYNT_ADMIN_TOKEN", "")
    if given:
        return [TokenRow("environment", "admin", digest(given), clock.now(), "ORCHVYNT_ADMIN_TOKEN")], None
    if await store.tokens():
        return [], None
    secret = new_secret()
    path, written = beside / TOKEN_FILE, beside / f"{TOKEN_FILE}.{os.getpid()}"
    await asyncio.to_thread(_write_secret, written, secret)
    if await store.add_token(TokenRow("first", "admin", digest(secret), clock.now(), "first start")):
        await asyncio.to_thread(written.replace, path)
        return [], path
    # Another process was first, and has written its own.
    await asyncio.to_thread(written.unlink)
    return [], None


def _write_secret(path: Path, secret: str) -> None:
    """Readable by its owner only, from its first byte on; an older file of this name is replaced."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(secret + "\n")
