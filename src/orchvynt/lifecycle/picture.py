"""Draws the table of the machine as a Mermaid state diagram, so that the picture in the docs cannot differ from the code."""

from typing import Final

from orchvynt.lifecycle.table import TABLE

HEAD: Final = """# The life of one invocation

Drawn from `orchvynt/lifecycle/table.py` by `python -m orchvynt.lifecycle.picture`; a test fails when it is old.
Each arrow is an event; what the machine then commands is recorded before it is done.

"""


def picture() -> str:
    """The page: the diagram, and the same as a table."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (phase, event), row in TABLE.items():
        for target in row.leads_to:
            arrows.setdefault((phase, target), []).append(event.__name__)
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> new", "    new --> admitting: Received", "    new --> done: Received"]
    for (begin, end), events in sorted(arrows.items()):
        lines += [f"    {begin} --> {end}: {event}" for event in sorted(events)]
    lines += ["    done --> [*]", "```", "", "| phase | event | leads to |", "|---|---|---|"]
    for (phase, event), row in sorted(TABLE.items(), key=lambda item: (item[0][0], item[0][1].__name__)):
        lines.append(f"| {phase} | {event.__name__} | {', '.join(sorted(row.leads_to))} |")
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(picture(), end="")
