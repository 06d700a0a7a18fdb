"""A real `orchvynt serve` as a process of the test's own: started on free ports, killed, restarted on the same store, asked.

Secrets are planted in it; whatever it says and leaves behind is searched for them (tests/support/canaries.py).
"""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support import canaries

READY_S_MAX = 120.0
TOKEN = canaries.ADMIN_TOKEN


class Reply:
    """One HTTP answer. Header names are in lower case."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Serving:
    """`folder` keeps store and journal over restarts. `environment` is added to this process's own."""

    def __init__(self, folder: Path, policy: str, environment: dict[str, str] | None = None, arguments: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.policy = folder / "orchvynt.yaml"
        self.policy.write_text(policy)
        self.environment = {**os.environ, **canaries.PLANTED, **(environment or {})}
        self.arguments = arguments
        self.process: subprocess.Popen[bytes] | None = None
        self.port = self.admin_port = 0
        self._starts = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.process is not None:
            self.kill()
        if kind is None:
            canaries.search_folder(self.folder)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return "".join(file.read_text() for file in sorted(self.folder.glob("serve-*.log")))

    def start(self, wait_for_admin: bool = True) -> None:
        self._starts += 1
        log = self.folder / f"serve-{self._starts:03}.log"
        command = [sys.executable, "-m", "orchvynt", "serve", "--policy", str(self.policy), "--listen", f"127.0.0.1:{self.port}"]
        command += ["--admin", f"127.0.0.1:{self.admin_port}", "--store", f"sqlite:///{self.folder / 'orchvynt.db'}", *self.arguments]
        with log.open("wb") as stderr:
            self.process = subprocess.Popen(command, stderr=stderr, env=self.environment, cwd=self.folder)
        self.port = int(self._said(log, r"serving .* on http://[0-9.]+:(\d+) "))
        if wait_for_admin:
            self.admin_port = int(self._said(log, r"admin on http://127\.0\.0\.1:(\d+)"))

    def _said(self, log: Path, pattern: str) -> str:
        assert self.process is not None
        until = time.monotonic() + READY_S_MAX
        while time.monotonic() < until:
            if found := re.search(pattern, log.read_text()):
                return found[1]
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        raise AssertionError(f"orchvynt serve did not start:\n{log.read_text()}")

    def kill(self) -> None:
        """`kill -9`."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = None

    def stop(self, timeout: float = 40.0) -> int:
        """SIGTERM; gives the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout)
        self.process = None
        return code

    def ask(self, path: str, body: Any = None, headers: dict[str, str] | None = None, timeout: float = 60.0, method: str = "") -> Reply:
        """One request to the data plane."""
        return _ask(self.port, path, body, headers or {}, timeout, method)

    def chat(self, text: str = "hello", headers: dict[str, str] | None = None, timeout: float = 60.0, **options: Any) -> Reply:
        body = {"model": "gpt-4o", "messages": [{"role": "user", "content": text}], **options}
        return self.ask("/v1/chat/completions", body, headers, timeout)

    def admin(self, path: str, body: Any = None, method: str = "", token: str = TOKEN) -> Reply:
        """One request to the admin plane."""
        return _ask(self.admin_port, f"/api/v1{path}", body, {"authorization": f"Bearer {token}"}, 60.0, method)

    def metric(self, name: str) -> float:
        """The sum of what the metrics page shows under a name, with or without labels."""
        page = _ask(self.admin_port, "/metrics", None, {"authorization": f"Bearer {TOKEN}"}, 60.0, "")
        lines = (line for line in page.body.decode().splitlines() if line.startswith(name) and line[len(name)] in " {")
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def explain(self, reference: str) -> Any:
        reply = self.admin(f"/invocations/{reference}")
        assert reply.status == 200, reply.body
        return reply.json

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`orchvynt ARGUMENTS` against this server."""
        return self.command_alone(*arguments, "--server", f"127.0.0.1:{self.admin_port}", "--token", TOKEN)

    def command_alone(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`orchvynt ARGUMENTS`, which need no server."""
        command = [sys.executable, "-m", "orchvynt", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=self.environment, cwd=self.folder, check=False)
        canaries.search(done.stdout + done.stderr, f"the output of orchvynt {' '.join(arguments)}")
        return done


def _ask(port: int, path: str, body: Any, headers: dict[str, str], timeout: float, method: str) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        verb = method or ("GET" if body is None else "POST")
        sent = {"content-type": "application/json", **headers} if data is not None else headers
        connection.request(verb, path, data, sent)
        with connection.getresponse() as answer:
            reply = Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        canaries.search(reply.body + repr(reply.headers).encode(), f"the answer to {verb} {path}")
        return reply
    finally:
        connection.close()
