"""Writes docs/reference/clients.md from the table in tests/clients, which the tests beside it run.

`python docs/generate_clients.py` writes it, `--check` says whether it is up to date.
"""

import sys
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "clients.md"


def main() -> int:
    # The tests are no installed package; `page` takes no part of them but the rows.
    sys.path.append(str(ROOT))
    text: str = import_module("tests.clients.page").page()
    if sys.argv[1:] == ["--check"]:
        if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
            return 0
        print(f"{PAGE.relative_to(ROOT)} is out of date: run `python docs/generate_clients.py`", file=sys.stderr)
        return 1
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
