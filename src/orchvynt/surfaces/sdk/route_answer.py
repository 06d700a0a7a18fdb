"""What `/v1/route` answers, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchvynt.surfaces.sdk.errors import OrchvyntError


@dataclass(frozen=True)
class Usage:
    prompt_tokens: int
    completion_tokens: int
    total_cost_usd: float | str


@dataclass(frozen=True)
class RouteAnswer:
    """`routing_decision` says why this model: `policy_matched`, `fallback_tier_used` and more. `raw` is the answer as it came."""

    content: str
    model_used: str
    provider_used: str
    routing_decision: Mapping[str, Any]
    usage: Usage
    invocation_id: str
    raw: Mapping[str, Any]


def route_answer(body: Any) -> RouteAnswer:
    """Raises OrchvyntError for a body that is none."""
    if not isinstance(body, dict) or "content" not in body:
        raise OrchvyntError(200, "malformed", "The answer has no content; is base_url really an OrchVynt?")
    usage = body.get("usage") or {}
    return RouteAnswer(
        content=body["content"],
        model_used=body.get("model_used", ""),
        provider_used=body.get("provider_used", ""),
        routing_decision=body.get("routing_decision") or {},
        usage=Usage(usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0), usage.get("total_cost_usd", 0)),
        invocation_id=body.get("invocation_id", ""),
        raw=body,
    )
