"""What of a policy nobody weakens alone, and who approves that it is weakened."""

import re
from collections.abc import Sequence

import msgspec


class Protected(msgspec.Struct, frozen=True):
    """`gates` and `budgets` are names; `*` in one stands for any part of a name. A change that weakens one of them waits until `quorum`
    people of the group `approvers` approve it, not its author where `not_author`."""

    gates: tuple[str, ...]
    budgets: tuple[str, ...]
    approvers: str
    quorum: int = 1
    not_author: bool = True


def covers(patterns: Sequence[str], name: str) -> bool:
    """Whether one of the patterns names it."""
    return any(re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), name) for pattern in patterns)
