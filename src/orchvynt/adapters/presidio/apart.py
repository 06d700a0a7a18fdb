"""Asks Presidio in a process apart, which is started when a policy in force needs it.

The library is 360 MB on disk, takes seconds to load, and milliseconds a sentence. A process can be ended: a text that takes too long, or
that kills it, costs the next one the time to load it again, and nobody an answer.
"""

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from orchvynt.adapters.presidio.frames import Answer, Ask, framed, read
from orchvynt.adapters.process_apart import ProcessApart
from orchvynt.language.compiled_gates import Presidio
from orchvynt.ports.looking import Looked

CHARS_MAX: Final = 50_000
"""Presidio takes some seconds for as many."""
WAITING_MAX: Final = 256
START_S: Final = 60.0
NANOS: Final = 1_000_000_000

HandBack = Callable[[Callable[[Looked], None], Looked], object]


class LookingApart:
    """Implements ports.looking.Looking. `hand_back` is the event loop's `call_soon_threadsafe`; `path` is where libraries are found."""

    def __init__(self, hand_back: HandBack, say: Callable[[str], None], path: Sequence[str] = ()) -> None:
        self._hand_back = hand_back
        self._path = os.pathsep.join(path or sys.path)
        self._say = say
        self._apart = ProcessApart("orchvynt-presidio")
        self._used = False
        # What the child was started for, and since when it is ready (monotonic seconds).
        self._started_for = ("", "")
        self._ready_at = 0.0
        self._waiting = 0
        self._said = ""

    def look(self, terms: Presidio, kinds: tuple[str, ...], text: str, looked: Callable[[Looked], None]) -> None:
        if len(text) > CHARS_MAX:
            looked(Looked(problem=f"the answer is too long for Presidio: {len(text):,} characters, and it looks through {CHARS_MAX:,}"))
            return
        if self._waiting >= WAITING_MAX:
            looked(Looked(problem=f"{WAITING_MAX} answers wait for Presidio already"))
            return
        self._waiting += 1
        self._used = True
        asked_at = time.monotonic()
        # A lone surrogate is no text that could be sent; nothing is found in what replaces it.
        ask = Ask(text.encode("utf-8", "replace").decode(), kinds, terms.least_score)
        self._apart.submit(lambda: self._work(terms, ask, asked_at, lambda found: self._over(found, looked)))

    def prepare(self, terms: Presidio | None) -> None:
        if terms is None and not self._used:
            return
        self._used = True
        self._apart.submit(lambda: self._prepare(terms))

    def close(self) -> None:
        """Ends the child, whatever it does."""
        self._apart.close()

    def _over(self, found: Looked, looked: Callable[[Looked], None]) -> None:
        self._waiting -= 1
        looked(found)

    def _prepare(self, terms: Presidio | None) -> None:
        """On the thread, as all below."""
        if terms is None:
            self._apart.end()
        elif problem := self._start(terms):
            self._tell(problem)

    def _work(self, terms: Presidio, ask: Ask, asked_at: float, over: Callable[[Looked], None]) -> None:
        found = self._find(terms, ask, asked_at)
        if found.problem:
            self._tell(found.problem)
        else:
            self._said = ""
        # The loop is closed where this process is just ending.
        with suppress(RuntimeError):
            self._hand_back(over, found)

    def _find(self, terms: Presidio, ask: Ask, asked_at: float) -> Looked:
        if problem := self._start(terms):
            return Looked(problem=problem)
        # Loading the library is nobody's time.
        until = max(asked_at, self._ready_at) + terms.within_ns / NANOS
        too_late = Looked(problem=f"Presidio was not done within {terms.within_ns // 1_000_000:,} ms (`presidio.within`)")
        if time.monotonic() >= until:
            return too_late
        try:
            answer = self._exchange(ask, until)
        except (OSError, EOFError, msgspec.DecodeError) as error:
            self._apart.end()
            return too_late if isinstance(error, TimeoutError) else Looked(problem="the process that asks Presidio ended")
        return Looked(answer.found, answer.problem)

    def _exchange(self, ask: Ask, until: float) -> Answer:
        child = self._apart.running
        assert child is not None
        assert child.stdin is not None
        left = memoryview(framed(ask))
        # A child that has stopped reading must not stop us.
        while left:
            if not select.select([], [child.stdin], [], max(0.0, until - time.monotonic()))[1]:
                raise TimeoutError
            left = left[os.write(child.stdin.fileno(), left) :]
        return self._heard(child, until)

    def _heard(self, child: "subprocess.Popen[bytes]", until: float) -> Answer:
        """What the child says. Raises TimeoutError, EOFError where it ended, OSError, msgspec.DecodeError."""
        assert child.stdout is not None
        if not select.select([child.stdout], [], [], max(0.0, until - time.monotonic()))[0]:
            raise TimeoutError
        answer: Answer = read(child.stdout, Answer)
        return answer

    def _start(self, terms: Presidio) -> str:
        """Starts the child for these terms, if it does not run for them. Gives why it cannot be asked, empty if it can."""
        wanted = (terms.language, terms.model)
        running = self._apart.running
        if running is not None and self._started_for == wanted and running.poll() is None:
            return ""
        command = (sys.executable, "-m", "orchvynt.adapters.presidio.child", *wanted)
        # Of our environment it gets nothing: secrets are in it.
        environment = {"PYTHONPATH": self._path, "LANG": "C.UTF-8"}
        try:
            child = self._apart.start(command, environment, errors=subprocess.DEVNULL, buffer_bytes=0)
        except OSError as error:
            return f"the process that asks Presidio cannot be started ({error})"
        self._started_for = wanted
        assert child.stdin is not None
        os.set_blocking(child.stdin.fileno(), False)
        try:
            problem = self._heard(child, time.monotonic() + START_S).problem
        except (OSError, EOFError, msgspec.DecodeError):
            problem = "the process that asks Presidio did not come up"
        if problem:
            self._apart.end()
        self._ready_at = time.monotonic()
        return problem

    def _tell(self, problem: str) -> None:
        """Once for the operator, until it works again: each record says it, too."""
        if problem != self._said and not self._apart.closed:
            self._said = problem
            self._say(f"Presidio was not heard, gates that hang on it close: {problem}")
