"""The scripted provider as a process that a test owns: started on a free port, steered over HTTP, read through its ledger.

Usable without pytest: `with ScriptedProvider() as provider: …`. The process is always stopped, also when the test dies.
"""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self
from urllib.parse import quote, urlsplit

from orchvynt.scripted.ledger import Ledger

Kind = Literal["openai", "anthropic", "ollama"]
START_S_MAX: Final = 20.0
STOP_S_MAX: Final = 10.0
CONTROL_S_MAX: Final = 30.0


class ScriptedProviderError(Exception):
    """The scripted provider did not start, or refused what it was asked; the text holds its words."""


class ScriptedProvider:
    """One provider process. `script` is YAML text, a mapping of the same shape, or a file; without it, default answers are given.

    `ledger_path` None keeps the ledger in a temporary folder that goes with the process.
    """

    def __init__(self, script: str | Path | Mapping[str, Any] | None = None, *, ledger_path: Path | None = None) -> None:
        self._first_script = script
        self._folder = tempfile.TemporaryDirectory(prefix="orchvynt-scripted-")
        self.ledger_path = ledger_path or Path(self._folder.name, "ledger.jsonl")
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self._control_url = ""

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.callback(self.close)
            self.start()
            undo.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def start(self) -> None:
        """Starts the process and waits until it listens. Raises ScriptedProviderError."""
        command = [sys.executable, "-m", "orchvynt.scripted", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"]
        command += ["--ledger", str(self.ledger_path), "--stop-with-stdin"]
        if self._first_script is not None:
            command += ["--script", str(self._script_file(self._first_script))]
        with Path(self._folder.name, "stderr.txt").open("wb") as complaints:
            # Our own interpreter and our own module; nothing of it comes from outside.
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints)  # noqa: S603
        try:
            self._control_url = self._said("control on ")
            self.url = self._said("listening on ")
        except ScriptedProviderError:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends the process: politely, then by force. The ledger stays readable until `close`."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()

    def close(self) -> None:
        """Ends the process and removes the temporary folder, with the ledger if it is in there."""
        self.stop()
        self._folder.cleanup()

    def base_url(self, provider: str = "openai", kind: Kind = "openai") -> str:
        """What the official client of that kind takes as its base URL for a virtual provider: OpenAI's with `/v1`."""
        return _with_version(f"{self.url}/p/{quote(provider, safe='')}", kind)

    def own_url(self, provider: str, kind: Kind = "openai") -> str:
        """The same at an address of its own, which no other provider shares: its connections can be refused alone."""
        return _with_version(str(self._control("PUT", f"listeners/{quote(provider, safe='')}")["url"]), kind)

    def script(self, script: str | Path | Mapping[str, Any]) -> None:
        """Puts another script in force at once, with all counts from the start. Raises ScriptedProviderError with the position."""
        self._control("PUT", "script", _script_text(script).encode())

    def fault(self, provider: str, spec: Mapping[str, Any] | str | None, *, times: int | None = None) -> None:
        """Sets a fault for a virtual provider (`*`: all), for good or for so many calls; None clears it."""
        body: Mapping[str, Any] | None = {spec: True} if isinstance(spec, str) else spec
        if times is not None and body is not None:
            body = {**body, "times": times}
        self._control("PUT", f"faults/{quote(provider, safe='*')}", json.dumps(body).encode())

    def clear(self) -> None:
        """Back to the script of the start, its faults and its counts. The ledger stays; see `Ledger.where(since=…)`."""
        self._control("POST", "reset")

    def ledger(self) -> Ledger:
        """What has arrived and was billed until now."""
        return Ledger.read(self.ledger_path)

    def arrivals(self, since: int = 0) -> list[dict[str, Any]]:
        """The latest requests as they arrived, at most 64: number, provider, path, headers (credentials masked), body."""
        return list(self._control("GET", f"arrivals?since={since}")["items"])

    def _control(self, method: str, what: str, body: bytes | None = None) -> dict[str, Any]:
        address = urlsplit(self._control_url)
        connection = HTTPConnection(str(address.hostname), address.port, timeout=CONTROL_S_MAX)
        try:
            connection.request(method, f"/__script/{what}", body)
            with connection.getresponse() as answer:
                found: dict[str, Any] = json.loads(answer.read())
        except OSError as error:
            raise ScriptedProviderError(f"the scripted provider does not answer: {error}; {self._last_words()}") from error
        finally:
            connection.close()
        if answer.status != 200:
            raise ScriptedProviderError(str(found["error"]["message"]))
        return found

    def _script_file(self, script: str | Path | Mapping[str, Any]) -> Path:
        if isinstance(script, Path):
            return script
        path = Path(self._folder.name, "script.yaml")
        path.write_text(_script_text(script), "utf-8")
        return path

    def _said(self, beginning: str) -> str:
        """The rest of the next line that the process prints."""
        assert self._process is not None
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        line, until = b"", time.monotonic() + START_S_MAX
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([descriptor], [], [], max(0.0, until - time.monotonic()))
            # Byte by byte, past the buffered layer: a line that waits in a buffer is invisible to select.
            data = os.read(descriptor, 1) if ready else b""
            if not data:
                raise ScriptedProviderError(f"the scripted provider did not start: {self._last_words() or line.decode()}")
            line += data
        text = line.decode().strip()
        if not text.startswith(beginning):
            raise ScriptedProviderError(f"the scripted provider said {text!r} where {beginning!r} was expected")
        return text.removeprefix(beginning)

    def _last_words(self) -> str:
        path = Path(self._folder.name, "stderr.txt")
        return path.read_text("utf-8")[-2_000:].strip() if path.exists() else ""


def _with_version(url: str, kind: Kind) -> str:
    return f"{url}/v1" if kind == "openai" else url


def _script_text(script: str | Path | Mapping[str, Any]) -> str:
    """JSON is YAML, so a mapping goes as JSON."""
    if isinstance(script, Path):
        return script.read_text("utf-8")
    return script if isinstance(script, str) else json.dumps(script, ensure_ascii=False)
