"""Messages as mail: a MIME message with a plain and an HTML part, threaded by its ids. No header can be made by what is told, and no
link in it decides anything: it leads to a page that asks who is there.

Sources: RFC 5322 (3.6.4, Message-ID and References), RFC 2919 (List-Id), RFC 3834 (Auto-Submitted), RFC 2046 (multipart/alternative).
"""

import re
from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape
from typing import Final

from orchvynt.dialects.inert import inert, one_line
from orchvynt.dialects.telling import Event, Review, lines

TEXT_CHARS_MAX: Final = 10_000
SUBJECT_CHARS_MAX: Final = 150
REVIEWS_MAX: Final = 25
_LABEL: Final = re.compile(r"[^A-Za-z0-9-]+")


def message_id(message: str, sender: str) -> str:
    """The same however often it is sent, so that an answer in its thread finds it."""
    return f"<{message}@{_host(sender)}>"


def written(event: Event, destination: str, sender: str, to: tuple[str, ...], message: str, at_s: int, answers: str = "") -> bytes:
    """A whole message. `answers` is the earlier message in whose thread it belongs."""
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"] = Address("OrchVynt", addr_spec=sender)
    mail["To"] = tuple(Address(addr_spec=one) for one in to)
    mail["Subject"] = one_line(f"{'Re: ' if answers else ''}{subject_of(event)}", SUBJECT_CHARS_MAX)
    mail["Date"] = format_datetime(datetime.fromtimestamp(at_s, UTC))
    mail["Message-ID"] = message_id(message, sender)
    if answers:
        mail["In-Reply-To"] = mail["References"] = message_id(answers, sender)
    mail["List-Id"] = f"OrchVynt {one_line(destination, 60)} <{_LABEL.sub('-', destination).strip('-') or 'orchvynt'}.{_host(sender)}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail.set_content(plain(event), cte="quoted-printable")
    mail.add_alternative(html(event), subtype="html", cte="quoted-printable")
    return mail.as_bytes()


def subject_of(event: Event) -> str:
    """Names of the policy and of reviews only; the same for all that is told of one review."""
    reviews = event.data.reviews
    if event.data.gate and len(reviews) == 1 and not event.data.more:
        return f"[orchvynt] {event.data.gate}: review {reviews[0].review}"
    if event.data.gate:
        return f"[orchvynt] {event.data.gate}: {len(reviews) + event.data.more} reviews"
    return f"[orchvynt] {event.type}"


def plain(event: Event) -> str:
    parts = [inert(event.data.text, TEXT_CHARS_MAX)]
    for review in event.data.reviews[:REVIEWS_MAX]:
        parts.append("\n".join(f"{name}: {one_line(value, 1_000)}" for name, value in lines(review)))
        if review.excerpt:
            parts.append("\n".join(f"> {line}" for line in inert(review.excerpt, TEXT_CHARS_MAX).splitlines()))
        parts += [f"Look (after a login): {one_line(review.link, 500)}"] if review.link else []
    if (rest := max(0, len(event.data.reviews) - REVIEWS_MAX) + event.data.more) > 0:
        parts.append(f"and {rest} more: {one_line(event.data.link, 500)}")
    if event.data.next:
        parts.append(one_line(event.data.next, 500))
    return "\n\n".join(parts) + "\n"


def html(event: Event) -> str:
    """Self-contained: nothing is loaded from anywhere."""
    parts = [f"<p>{_html(event.data.text)}</p>"]
    for review in event.data.reviews[:REVIEWS_MAX]:
        parts.append(_review(review))
    if (rest := max(0, len(event.data.reviews) - REVIEWS_MAX) + event.data.more) > 0:
        parts.append(f"<p>and {rest} more{': ' + _link(event.data.link, 'all open reviews') if event.data.link else ''}</p>")
    if event.data.next:
        parts.append(f"<p><code>{_html(event.data.next)}</code></p>")
    return f'<!doctype html><html lang="en"><head><meta charset="utf-8"></head><body>{"".join(parts)}</body></html>\n'


def _review(review: Review) -> str:
    rows = "".join(f'<tr><th align="left">{_html(name)}</th><td>{_html(value)}</td></tr>' for name, value in lines(review))
    excerpt = f"<blockquote><pre>{_html(review.excerpt)}</pre></blockquote>" if review.excerpt else ""
    return f"<table>{rows}</table>{excerpt}" + (f"<p>{_link(review.link, 'Look at it (after a login)')}</p>" if review.link else "")


def _link(url: str, text: str) -> str:
    return f'<a href="{_html(url)}">{_html(text)}</a>' if url.startswith(("https://", "http://")) else _html(url)


def _html(text: str) -> str:
    return escape(inert(text, TEXT_CHARS_MAX))


def _host(sender: str) -> str:
    return sender.rpartition("@")[2]
