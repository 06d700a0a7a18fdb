"""Errors as values: who is to blame, a stable code, an HTTP status, and a sentence that helps.

The table of codes is the wire contract; `docs/reference/errors.md` is generated from it.
"""

from typing import Any, Final, Literal

import msgspec

Blame = Literal["caller", "upstream", "us"]

ERRORS_PAGE: Final = "docs/reference/errors.md"
"""What `doc_url` in every error body begins with; the code is the anchor. See docs/decisions/010-links-in-errors.md."""


class Kind(msgspec.Struct, frozen=True):
    """One row of the table of codes. `retry` is what `x-should-retry` says (None: the header is not sent)."""

    code: str
    status: int
    blame: Blame
    retry: bool | None
    meaning: str


KINDS: Final[dict[str, Kind]] = {
    kind.code: kind
    for kind in (
        Kind("invalid_request", 400, "caller", None, "The request is malformed, or a value in it cannot be used."),
        Kind("unsupported", 400, "caller", None, "The request is well-formed, but this build or this policy does not support it."),
        Kind("context_length", 400, "caller", None, "The request is too long for every model it could go to."),
        Kind("bad_framing", 400, "caller", None, "The HTTP message is ambiguous; the connection is closed."),
        Kind("unauthorized", 401, "caller", None, "No key, or a key that is not known here."),
        Kind("budget_exceeded", 402, "caller", False, "A hard budget has no room for this invocation."),
        Kind("run_stopped", 402, "caller", False, "The run reached a limit on invocations, depth or equal prompts."),
        Kind("forbidden", 403, "caller", False, "The key may not do this, or the policy's constraints leave no model for it."),
        Kind("gate_refused", 403, "caller", False, "A gate refused this invocation."),
        Kind(
            "review_rejected",
            403,
            "caller",
            False,
            "A reviewer rejected the answer, or granted nothing to a call without room in a budget.",
        ),
        Kind("review_expired", 403, "caller", False, "No reviewer decided in time, and the gate rejects then."),
        Kind("halted", 403, "caller", False, "An operator halted this agent, run or workflow."),
        Kind("not_found", 404, "caller", None, "No such path, invocation or review for this key."),
        Kind("model_not_found", 404, "caller", None, "The policy knows no such model."),
        Kind("method_not_allowed", 405, "caller", None, "The path exists, but not with this method."),
        Kind("timeout", 408, "caller", None, "The request came too slowly; the connection is closed."),
        Kind("hitl_pending", 409, "us", True, "The answer, or the call before its send, waits for people; the same request joins it."),
        Kind(
            "conflict",
            409,
            "caller",
            False,
            "Somebody else was first, or it is too early: the thing was decided or changed meanwhile, or is not there yet.",
        ),
        Kind("too_large", 413, "caller", None, "The body is larger than the limit."),
        Kind("unsupported_media", 415, "caller", None, "The body is not JSON."),
        Kind("policy_invalid", 422, "caller", False, "The policy has problems, so nothing was applied."),
        Kind("idempotency_mismatch", 422, "caller", None, "The idempotency key was used with another body."),
        Kind("rate_limited", 429, "caller", True, "A rate limit of the policy."),
        Kind("headers_too_large", 431, "caller", None, "The header is larger than the limit."),
        Kind("internal", 500, "us", None, "A defect of OrchVynt; the invocation was not passed on unmetered."),
        Kind("all_providers_failed", 503, "upstream", None, "Every tier of the plan failed or was skipped."),
        Kind("store_unavailable", 503, "us", True, "The record cannot be written, or the store is away and the policy closes this then."),
        Kind("policy_error", 503, "us", True, "A rule of the policy failed while it ran, so the invocation does not pass."),
        Kind("overloaded", 503, "us", True, "Too many callers wait; come back later."),
    )
}


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """One refusal. `message` says what happened, `help` what to do next, `param` where in the request.

    `detail` holds the numbers that decided (JSON values only, never a secret); it becomes part of the error body.
    `retry_after_seconds` becomes `retry-after`; `retry` overrides the row of the table, and `status_passed_on`
    its status, where a provider's own refusal is passed on.
    """

    code: str
    message: str
    help: str = ""
    param: str | None = None
    detail: dict[str, Any] = {}
    retry_after_seconds: int | None = None
    retry: bool | None = None
    status_passed_on: int | None = None

    @property
    def kind(self) -> Kind:
        return KINDS[self.code]

    @property
    def status(self) -> int:
        return self.status_passed_on or KINDS[self.code].status

    @property
    def should_retry(self) -> bool | None:
        return self.retry if self.retry is not None else KINDS[self.code].retry

    @property
    def text(self) -> str:
        """Message and help as one paragraph, for dialects that have a single field."""
        return f"{self.message} {self.help}".rstrip()
