"""Writes docs/reference/lifecycle.md from the table of the machine in `orchvynt.lifecycle.table`.

`python docs/generate_lifecycle.py` writes it, `--check` says whether it is up to date.
"""

import sys
from pathlib import Path

from orchvynt.lifecycle.picture import picture

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "lifecycle.md"


def main() -> int:
    if sys.argv[1:] == ["--check"]:
        if PAGE.exists() and PAGE.read_text(encoding="utf-8") == picture():
            return 0
        print(f"{PAGE.relative_to(ROOT)} is out of date: run `python docs/generate_lifecycle.py`", file=sys.stderr)
        return 1
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(picture(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
