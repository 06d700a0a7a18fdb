"""One command's dealings: which server, which token, JSON or words, and how a failure ends."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import typer

from orchvynt.language.problems import Problem
from orchvynt.surfaces.cli.admin_client import DEFAULT_SERVER, AdminClient, AskError, RefusedError, Server, server_address
from orchvynt.surfaces.cli.kept_sessions import KeptSessions
from orchvynt.surfaces.cli.outside import Outside
from orchvynt.surfaces.cli.terminal import Terminal
from orchvynt.surfaces.operator_shapes import Refusal, RefusalBody

TOKEN_FILE: Final = "orchvynt.admin-token"  # noqa: S105 - the name of a file, not a token
TOKEN_BYTES_MAX: Final = 4096
MISSING_TOKEN_HELP: Final = (
    f"Log in with `orchvynt login`, give --token or ORCHVYNT_TOKEN, or run in the directory where the server left {TOKEN_FILE}; "
    "an admin issues tokens with `orchvynt tokens issue NAME --role ROLE`."
)


class FailedError(Exception):
    """The command cannot be done. The message was not printed yet; `text` is printed as it is, for problems with their places."""

    def __init__(self, message: str = "", help_text: str = "", text: str = "") -> None:
        super().__init__(message)
        self.help_text = help_text
        self.text = text


class Session:
    """What a command body works with."""

    def __init__(self, outside: Outside, client: AdminClient, terminal: Terminal, json: bool) -> None:
        self.outside = outside
        self.client = client
        self.terminal = terminal
        self.json = json

    def fetch(self, method: str, path: str, shape: Any, body: Any = None, query: Mapping[str, str] | None = None) -> Any:
        """The answer as `shape`; under --json it is printed instead, and None is given."""
        raw = self.client.ask(method, path, body, query)
        if not self.json:
            return self.client.read(raw, shape)
        self.client.check_json(raw)
        self.terminal.json(raw)
        return None

    def more(self, cursor: str | None, command: str) -> None:
        """Says that there are further pages, and how to get the next one."""
        if cursor:
            self.terminal.line((f"more: {command} --after {cursor}", "dim"))


@contextmanager
def session(outside: Outside, server: str, token: str, json: bool) -> Iterator[Session]:
    """Exit code 2 for a wrong address, 1 for whatever the server or the command refuses."""
    try:
        address = server_address(server or outside.environment.get("ORCHVYNT_SERVER", "") or DEFAULT_SERVER)
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong), param_hint="--server") from wrong
    terminal = Terminal(outside.environment, outside.now())
    client = AdminClient(address, token or _known_token(outside, address), outside.version)
    try:
        yield Session(outside, client, terminal, json)
    except AskError as unanswered:
        _failed_json(terminal, json, "unreachable", str(unanswered), unanswered.help_text)
        terminal.error(str(unanswered), unanswered.help_text)
        raise typer.Exit(1) from unanswered
    except RefusedError as refused:
        if json:
            terminal.json(refused.raw)
        if not _problems_shown(terminal, refused):
            help_text = MISSING_TOKEN_HELP if refused.status == 401 else refused.refusal.help
            terminal.error(refused.refusal.message, help_text)
        raise typer.Exit(1) from refused
    except FailedError as failed:
        tell_failure(terminal, failed, json)
        raise typer.Exit(1) from failed


def tell_failure(terminal: Terminal, failed: FailedError, json: bool) -> None:
    """In words on standard error; under --json also as a refusal, if nothing was printed yet: what a program reads is one document."""
    _failed_json(terminal, json, "failed", str(failed) or failed.text, failed.help_text)
    if failed.text:
        terminal.error_text(failed.text)
    if str(failed):
        terminal.error(str(failed), failed.help_text)


def _failed_json(terminal: Terminal, json: bool, code: str, message: str, help_text: str) -> None:
    """What no server said, in the shape in which servers refuse."""
    if json and not terminal.said_json:
        terminal.values(RefusalBody(Refusal(message, "client_error", code, help=help_text)))


def _known_token(outside: Outside, server: Server) -> str:
    """ORCHVYNT_TOKEN, else the session of `orchvynt login`, so that a person acts as one; else ORCHVYNT_ADMIN_TOKEN, else the file that
    the server leaves where it was started."""
    if found := outside.environment.get("ORCHVYNT_TOKEN", "").strip():
        return found
    if (kept := KeptSessions(outside.environment).of(server.url)) is not None:
        return kept.token
    if found := outside.environment.get("ORCHVYNT_ADMIN_TOKEN", "").strip():
        return found
    try:
        with (outside.directory / TOKEN_FILE).open("rb") as file:
            return file.read(TOKEN_BYTES_MAX).decode("ascii", "ignore").strip()
    except OSError:
        return ""


def _problems_shown(terminal: Terminal, refused: RefusedError) -> bool:
    """A refused policy shows its problems as `FILE:LINE:COL: message`, each with its excerpt and advice."""
    found = refused.refusal.detail.get("problems")
    if not isinstance(found, list) or not found:
        return False
    for problem in found:
        terminal.error_text(Problem(**{name: value for name, value in problem.items() if name in Problem.__struct_fields__}).text)
    terminal.error(refused.refusal.message.partition(" The first one:")[0])
    return True


def read_policy(path: str, stdin: bytes | None = None) -> str:
    """A policy file's text. Raises FailedError, with the place of the byte that is not UTF-8."""
    try:
        raw = stdin if stdin is not None else Path(path).read_bytes()
    except OSError as missing:
        help_text = "Name the file, or write one with `orchvynt init`."
        raise FailedError(f"{path} cannot be read ({missing.strerror}).", help_text) from missing
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as wrong:
        line = raw.count(b"\n", 0, wrong.start) + 1
        column = wrong.start - (raw.rfind(b"\n", 0, wrong.start) + 1) + 1
        raise FailedError(text=f"{path}:{line}:{column}: this byte is not UTF-8") from wrong
