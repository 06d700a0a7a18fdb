"""Where something stands in the journal: a position, and a frame between two of them."""

from collections.abc import Sequence

import msgspec

from orchvynt.model.facts import AnyFact

Position = tuple[int, int]
"""A segment's number and an offset in it: everything before it was read. Positions compare in the order of writing."""


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One frame, from `start` to `end`; `payload` is its encoded `facts`."""

    start: Position
    end: Position
    payload: bytes
    facts: Sequence[AnyFact]
