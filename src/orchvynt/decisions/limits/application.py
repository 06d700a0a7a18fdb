"""Which rate limits apply to an invocation, and which subject of each it counts for."""

from collections.abc import Mapping, Sequence

import msgspec

from orchvynt.language.compiled_budgets import RateLimit
from orchvynt.language.snapshot import EvaluationError
from orchvynt.language.subjects import NoScalarError, subject
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Invocation


class Applied(msgspec.Struct, frozen=True, gc=False):
    """A rate limit that applies, and whose calls it counts this one among."""

    limit: RateLimit
    subject: str


def applicable(limits: Sequence[RateLimit], invocation: Invocation, values: Mapping[str, object]) -> list[Applied] | Fault:
    """The limits that apply, in the policy's order. One whose condition or subject fails to evaluate closes: the invocation does not
    pass."""
    found = []
    for limit in limits:
        field = "when"
        try:
            if limit.when is not None and limit.when.evaluate(values) is not True:
                continue
            field = "by"
            found.append(Applied(limit, subject(limit.scope, limit.by, invocation, values)))
        except NoScalarError as unfit:
            said = f"Rate limit {limit.name}: {unfit}."
            detail = {"rate_limit": limit.name}
            return Fault("invalid_request", said, "Send a text or a number there.", param=limit.subject_of[:100], detail=detail)
        except EvaluationError as error:
            return Fault(
                "policy_error",
                f"`{field}` of rate limit {limit.name} failed: {error}. A limit that fails lets nothing pass.",
                f"Correct `{field}` of this limit and apply the policy.",
                detail={"rate_limit": limit.name, "problem": str(error)},
                retry_after_seconds=30,
            )
    return found
