"""The client library: what an agent may use besides its own OpenAI, Anthropic or Ollama client.

Standard library only, and nothing else of this package: `import orchvynt` loads no server module.
"""

from orchvynt.surfaces.sdk.calls import RouteAnswer, Usage, aroute, route, wait_for_review
from orchvynt.surfaces.sdk.errors import OrchvyntError, PendingReview
from orchvynt.surfaces.sdk.runs import Run, attach, current_run, headers, run

__all__ = [
    "OrchvyntError",
    "PendingReview",
    "RouteAnswer",
    "Run",
    "Usage",
    "aroute",
    "attach",
    "current_run",
    "headers",
    "route",
    "run",
    "wait_for_review",
]
