"""The facts of idempotency keys: what is kept of an answer, and that it was told again. Both come after the end of a life."""

import msgspec


class _Repeat(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag_field="fact"):
    """As model.facts.Fact: `inv` is the invocation, `at` the instant in nanoseconds UTC."""

    inv: str
    at: int


class AnswerRepeated(_Repeat, frozen=True, tag="answer_repeated"):
    """The request came again under its idempotency key, after the end of the life, and was told again what it was told the first time."""

    status: int


class AnswerKept(_Repeat, frozen=True, tag="answer_kept"):
    """What the callers of an idempotency key were told, word for word, to be told again until the instant `until`.

    It is a frame of its own in the journal and no part of the record: stores keep it apart, and drop it when it has expired.
    `scope` and `request` are those of model.invocation.Idempotency. `streamed`: `body` are the bytes of a whole stream."""

    scope: str
    request: str
    until: int
    status: int
    content_type: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    streamed: bool = False
