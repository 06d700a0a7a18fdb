"""How a command that works on a store without a server says that it did not: in words, and under --json as servers refuse."""

import sys
from typing import Final

import msgspec

from orchvynt.surfaces.operator_shapes import Refusal, RefusalBody

EXIT_REFUSED: Final = 1


def refused(command: str, why: str, json: bool) -> int:
    """Gives the exit code."""
    if json:
        sys.stdout.write(msgspec.json.encode(RefusalBody(Refusal(why, "client_error", "failed"))).decode() + "\n")
    sys.stderr.write(f"orchvynt {command}: {why}\n")
    return EXIT_REFUSED
