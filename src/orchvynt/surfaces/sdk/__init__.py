"""The client library: what an agent may use besides its own OpenAI, Anthropic or Ollama client.

Standard library only, and nothing else of this package: `import orchvynt` loads no server module.
"""

from orchvynt.surfaces.sdk.calls import aroute, route
from orchvynt.surfaces.sdk.errors import OrchvyntError, PendingReview, ReviewExpired, ReviewRejected, ReviewTimeout
from orchvynt.surfaces.sdk.raised import is_pending
from orchvynt.surfaces.sdk.route_answer import RouteAnswer, Usage
from orchvynt.surfaces.sdk.runs import Run, attach, current_run, headers, run
from orchvynt.surfaces.sdk.waiting import await_review, wait_for_review

__all__ = [
    "OrchvyntError",
    "PendingReview",
    "ReviewExpired",
    "ReviewRejected",
    "ReviewTimeout",
    "RouteAnswer",
    "Run",
    "Usage",
    "aroute",
    "attach",
    "await_review",
    "current_run",
    "headers",
    "is_pending",
    "route",
    "run",
    "wait_for_review",
]
