"""The stage of the demo: the processes that play in it, and how the story reaches them. Everything ends with the stage."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from orchvynt.testing.scripted import ScriptedProvider

READY_S_MAX: Final = 60.0
STOP_S_MAX: Final = 15.0
COMMAND_S_MAX: Final = 30.0
ADMIN_TOKEN: Final = "demo-admin-token"  # noqa: S105 - of a server that lives for a minute on the loopback


class StageError(Exception):
    """A part of the demo did not start or did not do what it was told; the text holds its words."""


class Stage:
    """`agents_url` is what agents point at. `local_model` is true where the last tier is a real model."""

    def __init__(self, folder: Path, local_model: bool, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.local_model = local_model
        self._environment = {
            **environment,
            "DEMO_OPENAI_API_KEY": "sk-demo-openai",
            "DEMO_ANTHROPIC_API_KEY": "sk-demo-anthropic",
            "ORCHVYNT_ADMIN_TOKEN": ADMIN_TOKEN,
            "PYTHONUNBUFFERED": "1",
        }
        self._processes: list[subprocess.Popen[bytes]] = []
        self.providers = ScriptedProvider(files("orchvynt.demo").joinpath("script.yaml").read_text(), ledger_path=folder / "ledger.jsonl")
        self.policy = folder / "orchvynt.yaml"
        self.agents_url = ""
        self._admin = ""

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:  # also Ctrl-C: no process of the stage outlives it
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop()

    def _start(self) -> None:
        self.providers.start()
        kind, address, model = "ollama", self.providers.base_url("local", "ollama"), "local-model"
        if self.local_model:
            started = self._run([sys.executable, "-m", "orchvynt.demo.local_model", "--port", "0"], "local-model", subprocess.PIPE)
            kind, model = "openai-compatible", "smollm2"
            said = self._line(started, r"listening on (http://\S+)")
            address = f"{said.rstrip('/').removesuffix('/v1')}/v1"
        text = files("orchvynt.demo").joinpath("policy.yaml").read_text()
        for name, value in {
            "@OPENAI@": self.providers.base_url("openai"),
            "@ANTHROPIC@": self.providers.base_url("anthropic", "anthropic"),
            "@LOCAL_KIND@": kind,
            "@LOCAL@": address,
            "@LOCAL_MODEL@": model,
        }.items():
            text = text.replace(name, value)
        self.policy.write_text(text)
        command = [sys.executable, "-m", "orchvynt", "serve", "--policy", str(self.policy), "--listen", "127.0.0.1:0"]
        command += ["--admin", "127.0.0.1:0", "--store", f"sqlite:///{self.folder / 'orchvynt.db'}"]
        serving = self._run(command, "serve", subprocess.DEVNULL)
        self.agents_url = self._logged(serving, "serve", r"on (http://127\.0\.0\.1:\d+) ")
        self._admin = self._logged(serving, "serve", r"admin on (http://127\.0\.0\.1:\d+)")

    def _run(self, command: list[str], name: str, stdout: int) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as log:
            # Our own interpreter and our own modules; nothing of the command comes from outside.
            started = subprocess.Popen(command, stdout=stdout, stderr=log, env=self._environment, cwd=self.folder)  # noqa: S603
        self._processes.append(started)
        return started

    def _logged(self, process: subprocess.Popen[bytes], name: str, pattern: str) -> str:
        """What a process writes to its log when it is ready."""
        until = time.monotonic() + READY_S_MAX
        while time.monotonic() < until and process.poll() is None:
            if found := re.search(pattern, (self.folder / f"{name}.log").read_text()):
                return found[1]
            time.sleep(0.02)
        raise StageError(f"{name} did not start:\n{(self.folder / f'{name}.log').read_text()[-2000:]}")

    def _line(self, process: subprocess.Popen[bytes], pattern: str) -> str:
        """What a process prints when it is ready."""
        assert process.stdout is not None
        said, until = "", time.monotonic() + READY_S_MAX
        while time.monotonic() < until and process.poll() is None:
            if select.select([process.stdout], [], [], 0.2)[0]:
                said += os.read(process.stdout.fileno(), 4096).decode()
            if found := re.search(pattern, said):
                return found[1]
        log = (self.folder / "local-model.log").read_text()
        raise StageError(f"the local model did not start ({said[-500:]}):\n{log[-2000:]}")

    def _stop(self) -> None:
        for process in reversed(self._processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in reversed(self._processes):
            try:
                process.wait(STOP_S_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
        self.providers.close()

    def command(self, *arguments: str) -> str:
        """Runs `orchvynt ARGUMENTS` as the on-call engineer would. Raises StageError if it fails."""
        done = subprocess.run(  # noqa: S603 - as above
            [sys.executable, "-m", "orchvynt", *arguments, "--server", self._admin, "--token", ADMIN_TOKEN],
            capture_output=True,
            env=self._environment,
            timeout=COMMAND_S_MAX,
            check=False,
        )
        if done.returncode:
            raise StageError(f"orchvynt {' '.join(arguments)} failed: {done.stderr.decode() or done.stdout.decode()}")
        return done.stdout.decode()

    def asked(self, *arguments: str) -> Any:
        """The same with `--json`, read."""
        return json.loads(self.command(*arguments, "--json"))

    def change_policy(self, old: str, new: str, why: str) -> None:
        """One line of the file, applied."""
        text = self.policy.read_text()
        if text.count(old) != 1:
            raise StageError(f"the policy does not hold {old!r} once")
        self.policy.write_text(text.replace(old, new))
        self.command("apply", str(self.policy), "-m", why)
