"""The paths of the data plane: what stands before `/v1`, and which endpoint is meant. `/@WORKFLOW/AGENT/v1/…` says who calls.

Also which API a caller speaks, where the path is one of several or of none.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from orchvynt.model.invocation import DialectName

ROOTS: Final = frozenset({"v1", "api", "health"})
"""What an endpoint's path begins with."""

ASKING: Final[dict[str, DialectName]] = {
    "/v1/chat/completions": "openai_chat",
    "/v1/messages": "anthropic_messages",
    "/v1/route": "route",
    "/api/chat": "ollama_chat",
    "/api/generate": "ollama_generate",
}
"""The endpoints that ask a model, and how their callers speak."""


class Place(NamedTuple):
    """`path` is the endpoint's own. `workflow` and `agent` are empty where the path does not say them."""

    path: str
    workflow: str = ""
    agent: str = ""


# What most requests name is looked up, not taken apart.
_PLAIN: Final = {path: Place(path) for path in ASKING}


def place(path: str) -> Place:
    """`/@WORKFLOW/AGENT/v1/…` or `/@WORKFLOW/v1/…` → the endpoint's path and who calls; any other path as it is.

    An agent may be called `v1` too: then another root stands behind it. An encoded slash belongs to the name that it stands in."""
    if not path.startswith("/@"):
        return _PLAIN.get(path) or Place(path)
    workflow, _, rest = path[2:].partition("/")
    agent, _, behind = rest.partition("/")
    if agent in ROOTS and behind.partition("/")[0] not in ROOTS:
        agent, behind = "", rest
    return Place(f"/{behind}", workflow.replace("%2F", "/"), agent.replace("%2F", "/"))


def spoken(path: str, header: Callable[[str], str]) -> DialectName:
    """In whose words a caller is told what it cannot have. `path` is the endpoint's own; Anthropic's clients always say a version."""
    if dialect := ASKING.get(path):
        return dialect
    if path.startswith("/api/"):
        return "ollama_chat"
    return "anthropic_messages" if path.startswith("/v1/messages/") or header("anthropic-version") else "openai_chat"
