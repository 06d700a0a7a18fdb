"""The case that reviewers decide, as a review's opening makes it."""

from orchvynt.decisions.reviews.cases import Case
from orchvynt.decisions.reviews.choices import offered
from orchvynt.model.facts import ReviewOpened


def terms_of(opened: ReviewOpened) -> Case:
    """What equal reviews have in common: who may decide, how many, and what. The review's own name is left out, so that one value serves
    them all."""
    return Case(
        "",
        reviewers=opened.reviewers,
        quorum=opened.quorum,
        not_requester=opened.not_requester,
        requester=opened.requester,
        require_reason=opened.require_reason,
        choices=offered(opened.stage, opened.after_delivery),
    )
