"""The place of an invocation below its parent."""

from tests.support.snapshots import invocation

from orchvynt.decisions.identity.parents import nested
from orchvynt.model.invocation import Claims

MADE = invocation(claims=Claims(parent="inv_0"))


def test_a_child_is_one_deeper_than_its_parent() -> None:
    assert (nested(MADE, 1, sought=True).depth, nested(MADE, 8).depth) == (2, 9)
    assert nested(MADE, 8, sought=True).claims_overruled == ()


def test_a_parent_that_nobody_knows_counts_as_one_without_a_parent() -> None:
    assert (nested(MADE, 0).depth, nested(MADE, 0).claims_overruled) == (2, ()), "it was not looked for"
    sought = nested(MADE, 0, sought=True)
    assert (sought.depth, sought.claims_overruled) == (2, ("parent: (none), not inv_0 (this caller has no such invocation)",))
