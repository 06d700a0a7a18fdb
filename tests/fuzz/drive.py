"""One fuzz target under atheris, in a process of its own: `python -m tests.fuzz.drive TARGET [libFuzzer's options]`."""

import sys

import atheris

with atheris.instrument_imports(include=["orchvynt", "h11"]):
    from tests.fuzz.targets import TARGETS

if __name__ == "__main__":
    _, name, *options = sys.argv
    atheris.Setup([sys.argv[0], *options], TARGETS[name])
    atheris.Fuzz()
