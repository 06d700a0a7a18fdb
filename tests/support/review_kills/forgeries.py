"""Shows that the auditor can fail: honest evidence is changed as a broken server would have made it, and each change must be accused.

A forgery changes the evidence in place, and says whether this evidence has what it takes. Nothing here needs a server.
"""

import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from types import MappingProxyType
from typing import Final

from tests.support.review_kills import forged_answers as answers
from tests.support.review_kills import forged_votes as votes
from tests.support.review_kills.auditor import AccusedError, judge
from tests.support.review_kills.evidence import Evidence

Forgery = Callable[[Evidence], bool]

FORGERIES: Final[MappingProxyType[str, tuple[Forgery, str]]] = MappingProxyType(
    {
        "another text at the last reading": (answers.other_words, "in several ways"),
        "another id at the last reading": (answers.other_id, "in several ways"),
        "a refusal at the last reading": (answers.refused_at_last, "in several ways"),
        "another text at every reading": (answers.all_other_words, "people decided"),
        "the original in place of an edit": (answers.original_of_an_edit, "people decided"),
        "a changed answer that does not say so": (answers.unmarked, "is marked"),
        "a mark at one reading only": (answers.marked_once, "marked in several ways"),
        "a caller that was told nothing": (answers.never_told, "told anything"),
        "an invocation that vanished": (answers.vanished, "parked as"),
        "a review that vanished": (answers.review_vanished, "is gone"),
        "a question that was parked twice": (answers.parked_twice, "parked as"),
        "a second review of one answer": (answers.another_review, "its reviews are"),
        "an answer that nobody looked at": (answers.delivered_unseen, "nobody looked at it"),
        "a second arrival at the provider": (answers.arrived_again, "reached the provider"),
        "a second send after the answer was parked": (answers.sent_again, "was sent|had not failed|it was sent"),
        "a second send beside the first": (answers.sent_beside, "had not failed"),
        "an attempt without a receipt": (answers.unsettled, "were settled"),
        "an answer that the provider never billed": (answers.unbilled, "billed by nobody"),
        "a send before the approval": (answers.sent_unapproved, "before anybody had approved"),
        "a second winner": (votes.second_winner, "not on record"),
        "a second decision on record": (votes.decided_twice, "and then"),
        "a decision that is not on record": (votes.undecided, "not on record|decided 0 times|before anybody had approved"),
        "a vote on record that nobody cast": (votes.voted_by_nobody, "nobody cast"),
        "a vote that counts, and was told that it does not": (votes.told_not_to_count, "was told 409"),
        "a vote that does not count, and was told that it does": (votes.told_to_count, "not on record"),
        "a quorum of one": (votes.quorum_of_one, "without enough votes"),
        "a quorum of the same person twice": (votes.same_voter_twice, "without enough votes"),
        "a review with another end than its votes": (votes.other_status, "its review says"),
        "a review that somebody else decided": (votes.other_decider, "its review says"),
        "an expiry before its time": (votes.too_early, "expired after"),
        "an expiry without the step before it": (votes.expired_unescalated, "heads were asked 0 times"),
        "a vote of a group that was not asked": (votes.unasked_head, "before anybody asked"),
        "a vote against a claim": (votes.claim_ignored, "had claimed it"),
        "a claim that was lost": (votes.claim_lost, "claims on record"),
    }
)
"""By what it stands for: the forgery, and what of the accusation must be said."""


def accused(honest: Sequence[Evidence]) -> dict[str, bool]:
    """By forgery: whether the auditor accuses it of what it is, in the first evidence that it can be made of. Left out is what none of
    this evidence can be made into."""
    found: dict[str, bool] = {}
    for name, (forge, says) in FORGERIES.items():
        for seen in honest:
            forged = deepcopy(seen)
            if not forge(forged):
                continue
            try:
                judge(forged)
            except AccusedError as accusation:
                found[name] = re.search(says, str(accusation)) is not None
            else:
                found[name] = False
            break
    return found
