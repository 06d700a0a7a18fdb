"""OrchVynt: the control plane between AI agents and model providers. Importing it loads only the client library, at its first use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchvynt.surfaces.sdk import (
        OrchvyntError,
        PendingReview,
        ReviewExpired,
        ReviewRejected,
        ReviewTimeout,
        RouteAnswer,
        Run,
        Usage,
        aroute,
        attach,
        await_review,
        current_run,
        headers,
        is_pending,
        route,
        run,
        wait_for_review,
    )

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


def __getattr__(name: str) -> Any:
    """Loads the client library at its first use, so that no command of the server pays for it."""
    if name in __all__:
        return getattr(import_module("orchvynt.surfaces.sdk"), name)
    raise AttributeError(f"module 'orchvynt' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
