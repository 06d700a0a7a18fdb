"""The paths of the data plane: what stands before `/v1`, and which endpoint is meant. `/@WORKFLOW/AGENT/v1/…` says who calls."""

from typing import Final, NamedTuple

ROOTS: Final = frozenset({"v1", "api", "health"})
"""What an endpoint's path begins with."""


class Place(NamedTuple):
    """`path` is the endpoint's own. `workflow` and `agent` are empty where the path does not say them."""

    path: str
    workflow: str = ""
    agent: str = ""


def place(path: str) -> Place:
    """`/@WORKFLOW/AGENT/v1/…` or `/@WORKFLOW/v1/…` → the endpoint's path and who calls; any other path as it is.

    An agent may be called `v1` too: then another root stands behind it. An encoded slash belongs to the name that it stands in."""
    if not path.startswith("/@"):
        return Place(path)
    workflow, _, rest = path[2:].partition("/")
    agent, _, behind = rest.partition("/")
    if agent in ROOTS and behind.partition("/")[0] not in ROOTS:
        agent, behind = "", rest
    return Place(f"/{behind}", workflow.replace("%2F", "/"), agent.replace("%2F", "/"))
