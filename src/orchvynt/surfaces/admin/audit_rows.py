"""The routes of the audit, a part of the route table."""

from typing import Final

from orchvynt.surfaces import audit_shapes as a
from orchvynt.surfaces.admin import audit, evidence
from orchvynt.surfaces.admin.asking import Query, Row
from orchvynt.surfaces.operator_shapes import Listing

AUDIT_ROWS: Final[tuple[Row, ...]] = (
    Row(
        "GET",
        "/audit",
        "operator",
        audit.listed,
        "Who changed or decided what, when and why, newest first.",
        Listing[a.AuditEntry],
        query=(
            Query("subject", "Only of this subject, such as a review's id."),
            Query("who", "Only of this person or token."),
            Query("what", "Only what begins so, such as `review.`."),
        ),
        pages=True,
    ),
    Row("GET", "/audit/entries", "operator", audit.exported, "The chain, oldest first.", Listing[a.AuditEntry], pages=True),
    Row("GET", "/audit/head", "operator", audit.head, "The newest entry, as it is anchored outside of the table.", a.HeadView),
    Row(
        "GET",
        "/audit/verification",
        "operator",
        audit.verified,
        "Checks the whole chain, from its first entry to its anchored head.",
        a.VerifiedView,
        query=(Query("head", "A hash that an entry of the chain must have, as `/audit/head` gave it earlier."),),
    ),
    Row(
        "GET",
        "/audit/coverage",
        "operator",
        audit.coverage,
        "What a gate matched, by what became of it, and how long reviewers took.",
        a.CoverageView,
        query=(
            Query("gate", "The gate, by its name."),
            Query("from", "A day such as 2026-11-03, or an instant; by default from the beginning."),
            Query("to", "The same, not included; by default until now."),
        ),
    ),
    Row(
        "GET",
        "/audit/evidence/{review}",
        "operator",
        evidence.pack,
        "The evidence pack of one review, as one HTML document.",
        str,
        media="text/html; charset=utf-8",
    ),
    Row("GET", "/audit/holds", "operator", audit.holds, "Legal holds, oldest first.", Listing[a.HoldView]),
    Row("POST", "/audit/holds", "admin", audit.hold, "Keeps what a condition holds for.", a.HoldView, takes=a.HoldBody, status=201),
    Row("POST", "/audit/holds/{hold}/release", "admin", audit.release, "Ends a legal hold.", a.HoldView, takes=a.ReleaseBody),
    Row(
        "POST",
        "/audit/forget",
        "admin",
        audit.forget,
        "Takes from records what names a person or was said; without `yes` it only counts.",
        a.ForgetView,
        takes=a.ForgetBody,
    ),
)
