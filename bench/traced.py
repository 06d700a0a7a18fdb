"""OrchVynt with its bytecode instructions and calls of C functions counted: `traced.py COUNTS ARGUMENTS…`, the arguments of `orchvynt`.

COUNTS is a file of five 64-bit numbers, shared with whoever reads them: instructions and C calls of the main thread, those of all other
threads, and a switch. Nothing is counted while the switch is 0. Frames that run when it is set are not counted; those they call are.
Nor is what runs by the clock counted: how many of its turns fall into an invocation is the machine's.
"""

import mmap
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from orchvynt.assembly.main import main

SWITCH = 4
# The tops of the loops that run by the clock, and the sweeps of both sides' connections.
BY_THE_CLOCK = (("/orchvynt/runtime/", "run"), ("/orchvynt/surfaces/api/http/", "_sweep"), ("/orchvynt/adapters/upstream/", "_sweep"))
Tracer = Callable[[FrameType, str, Any], Any]


class Counter:
    """Counts what one kind of thread does into two of the slots."""

    def __init__(self, slots: memoryview, first: int) -> None:
        self._slots = slots
        self._first = first
        self._apart = False

    def called(self, frame: FrameType, _event: str, _argument: object) -> Tracer | None:
        if not self._slots[SWITCH] or self._apart:
            return None
        code = frame.f_code
        if any(code.co_name == name and folder in code.co_filename for folder, name in BY_THE_CLOCK):
            self._apart = True
            return self._until_it_rests
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return self._instruction

    def profiled(self, _frame: FrameType, event: str, _argument: object) -> None:
        if event == "c_call" and self._slots[SWITCH] and not self._apart:
            self._slots[self._first + 1] += 1

    def _until_it_rests(self, _frame: FrameType, event: str, _argument: object) -> Tracer:
        # A coroutine that waits returns, too.
        if event == "return":
            self._apart = False
        return self._until_it_rests

    def _instruction(self, _frame: FrameType, event: str, _argument: object) -> Tracer:
        if event == "opcode":
            self._slots[self._first] += 1
        return self._instruction


def stop() -> None:
    sys.settrace(None)
    sys.setprofile(None)


if __name__ == "__main__":
    with Path(sys.argv[1]).open("r+b") as file:
        shared = memoryview(mmap.mmap(file.fileno(), 0)).cast("q")
    # The process that checks policies is forked from this one: it is no part of an invocation.
    os.register_at_fork(after_in_child=stop)
    main_thread, others = Counter(shared, 0), Counter(shared, 2)
    threading.settrace(others.called)
    threading.setprofile(others.profiled)
    sys.settrace(main_thread.called)
    sys.setprofile(main_thread.profiled)
    sys.argv = ["orchvynt", *sys.argv[2:]]
    main()
