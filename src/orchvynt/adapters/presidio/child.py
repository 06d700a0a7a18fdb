"""The process that asks Presidio, `python -m orchvynt.adapters.presidio.child LANGUAGE MODEL`.

Asked on its input, it answers on its output.
It ends with its input. Nothing that it reads leaves it but counts: problems are the names of errors, never their words.
"""

import os
import signal
import sys
from contextlib import suppress
from typing import Final

from orchvynt.adapters.presidio.analyzing import Analyze, analyzer, stay_inside
from orchvynt.adapters.presidio.frames import Answer, Ask, framed, read
from orchvynt.adapters.process_apart import Answers, Readable

WHOLE: Final = 10_000
FAILURES: Final = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RuntimeError, OSError)
"""What libraries raise of a text that they cannot read. Whatever else it may be ends this process, and the other one is told that."""


def serve(asks: Readable, answers: Answers, analyze: Analyze) -> None:
    """Until the input ends."""
    while True:
        try:
            ask: Ask = read(asks, Ask)
        except EOFError:
            return
        try:
            answer = Answer(dict(analyze(ask.text, ask.kinds, ask.least_score / WHOLE)))
        except FAILURES as error:
            answer = Answer(problem=f"Presidio failed ({type(error).__name__})")
        answers.write(framed(answer))


def main(language: str, model: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What libraries print goes nowhere: it may hold what they read.
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    stay_inside()
    try:
        analyze = analyzer(language, model)
    except (ImportError, *FAILURES) as error:
        answers.write(framed(Answer(problem=f"Presidio cannot be loaded ({type(error).__name__})")))
        return
    answers.write(framed(Answer()))
    serve(sys.stdin.buffer, answers, analyze)


if __name__ == "__main__":
    # Whoever asked was killed: there is nobody to tell, and an operator would read of a defect.
    with suppress(BrokenPipeError):
        main(sys.argv[1], sys.argv[2])
