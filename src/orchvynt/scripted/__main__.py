"""`python -m orchvynt.scripted`: the scripted provider as a process of its own, without the rest of the command line."""

import argparse
import sys
from pathlib import Path

from orchvynt.scripted.serve import ScriptedSettings, run


def main() -> int:
    """Reads the arguments and serves. Gives the exit status."""
    defaults = ScriptedSettings()
    parser = argparse.ArgumentParser(prog="orchvynt scripted-provider", description="A model provider that plays a script.")
    parser.add_argument("--listen", default=defaults.listen, metavar="HOST:PORT", help="where to listen; port 0 takes a free one")
    parser.add_argument("--script", type=Path, metavar="FILE", help="what to answer (YAML); without it, default answers")
    parser.add_argument("--ledger", type=Path, default=defaults.ledger, metavar="FILE", help="where arrivals and bills are written")
    parser.add_argument("--control", metavar="HOST:PORT", help="a second address for live control, which no fault closes")
    parser.add_argument("--stop-with-stdin", action="store_true", help="stop when standard input ends")
    given = parser.parse_args()
    return run(ScriptedSettings(given.listen, given.script, given.ledger, given.control, given.stop_with_stdin))


if __name__ == "__main__":
    sys.exit(main())
