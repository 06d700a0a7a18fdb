"""Why an attempt gave no answer, as every dialect says it."""

import msgspec


class Failure(msgspec.Struct, frozen=True):
    """Why an attempt did not give an answer: `outcome` is one of the trigger words of model.facts.Trigger.

    `message` is the provider's own words, at most 500 characters. `retry_after_ns` is 0 when the provider said nothing.
    """

    outcome: str
    status: int
    message: str = ""
    retry_after_ns: int = 0
    error_type: str = ""
    error_code: str = ""
