"""The place of an invocation below the one that its caller names as its parent. Pure.

There are no circles: an id is made here, when its invocation comes, so that a parent is always older than its child.
"""

import msgspec

from orchvynt.decisions.identity.claims import contradiction
from orchvynt.decisions.identity.keys import UNSAID
from orchvynt.model.invocation import Invocation


def nested(invocation: Invocation, parent_depth: int, sought: bool = False) -> Invocation:
    """The same at its depth. A parent that is not known (0) counts as one that has none itself; if it was `sought` in vain, that is on
    record."""
    if parent_depth or not sought:
        return msgspec.structs.replace(invocation, depth=max(parent_depth, 1) + 1)
    said = f"{contradiction('parent', UNSAID, invocation.claims.parent)} (this caller has no such invocation)"
    return msgspec.structs.replace(invocation, depth=2, claims_overruled=(*invocation.claims_overruled, said))
