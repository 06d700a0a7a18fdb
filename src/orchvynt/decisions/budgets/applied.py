"""One budget that applies to an invocation, with the subject that it counts for."""

import msgspec


class Applied(msgspec.Struct, frozen=True, gc=False):
    """A budget that applies to an invocation, by its number in the snapshot, and the subject that pays. `prompt` is the digest of what the
    model reads, where the budget counts equal prompts, else empty."""

    number: int
    subject: str
    prompt: str = ""
