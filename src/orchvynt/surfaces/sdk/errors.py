"""What a call raises when it gives no answer."""

from collections.abc import Mapping
from typing import Any


class OrchvyntError(Exception):
    """The call was refused or failed. `status` is the HTTP status, 0 if there was no answer; `code` is stable (`budget_exceeded`, …).

    `detail` is the whole error object, with the numbers that decided.
    """

    def __init__(self, status: int, code: str, message: str, invocation_id: str = "", detail: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.invocation_id = invocation_id
        self.detail: dict[str, Any] = dict(detail or {})

    def __str__(self) -> str:
        where = f" [{self.invocation_id}]" if self.invocation_id else ""
        return f"{self.code} ({self.status}): {self.message}{where}" if self.status else f"{self.code}: {self.message}{where}"


class PendingReview(OrchvyntError):  # noqa: N818 - it is no failure: the answer exists and waits for a person
    """The answer waits for a review. `wait_for_review(error)` polls for it; the same call made again joins it too."""

    def __init__(
        self, status: int, message: str, invocation_id: str, review_id: str = "", poll: str = "", detail: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(status, "hitl_pending", message, invocation_id, detail)
        self.review_id = review_id
        self.poll = poll
        # Whether the call was `route`, so that its answer is a RouteAnswer.
        self.routed = False


class ReviewTimeout(PendingReview):
    """Nobody decided within the time that `wait_for_review` was given. The review stays open, and can be waited for again."""


class ReviewRejected(OrchvyntError):  # noqa: N818 - it is what people decided
    """People rejected the answer; `message` says who and why. The same request is told the same."""


class ReviewExpired(OrchvyntError):  # noqa: N818 - as above
    """Nobody decided in time, and the gate rejects then."""
