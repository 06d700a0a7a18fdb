"""Mail: read back by the standard library's parser, it says what was meant, and nothing hostile makes a header or markup of its own."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser

import pytest
from tests.support.hostile_words import HOSTILE, UNSEEN

from orchvynt.dialects.mail import message_id, written
from orchvynt.dialects.telling import Data, Event, Review

SENDER, TO = "orchvynt@mail.example", ("ana@example.com", "ben@example.com")
ONE = Review("rev_1", "inv_1", "financial", reviewers=("finance",), requester="c@x.y", link="https://ov.example/r/1")
HEADERS = {
    "From", "To", "Subject", "Date", "Message-ID", "List-Id", "Auto-Submitted", "X-Auto-Response-Suppress", "MIME-Version", "Content-Type",
}  # fmt: skip


def read(event: Event, answers: str = "", destination: str = "finance", sender: str = SENDER) -> EmailMessage:
    raw = written(event, destination, sender, TO, "msg_1", 1_767_229_200, answers)
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    parsed = message_from_bytes(raw, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    assert parsed.defects == []
    return parsed


def parts(mail: EmailMessage) -> tuple[str, str]:
    plain, html = mail.iter_parts()
    assert (plain.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    return plain.get_content(), html.get_content()


def event(review: Review = ONE, kind: str = "review.opened") -> Event:
    return Event(kind, "", Data("Review rev_1 waits.", "orchvynt reviews show rev_1", "https://ov.example/r", "financial", (review,)))


def test_what_is_in_it() -> None:
    mail = read(event())
    assert set(mail.keys()) == HEADERS
    assert mail["Subject"] == "[orchvynt] financial: review rev_1"
    assert mail["To"] == "ana@example.com, ben@example.com"
    assert mail["From"] == "OrchVynt <orchvynt@mail.example>"
    assert mail["Message-ID"] == message_id("msg_1", SENDER) == "<msg_1@mail.example>"
    assert mail["List-Id"] == "OrchVynt finance <finance.mail.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    plain, html = parts(mail)
    for text in (plain, html):
        assert "Review rev_1 waits." in text
        assert "https://ov.example/r/1" in text
        assert "c@x.y" in text
        assert not re.search("approve|reject", text), "no link decides"


def test_an_outcome_is_in_the_thread() -> None:
    mail = read(event(kind="review.decided"), answers="msg_0")
    assert mail["In-Reply-To"] == mail["References"] == message_id("msg_0", SENDER)
    assert mail["Subject"] == "Re: [orchvynt] financial: review rev_1"


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, tuple[str, ...]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, tuple(name for name, _ in attrs)))


OURS = {
    ("html", ("lang",)), ("head", ()), ("meta", ("charset",)), ("body", ()), ("p", ()), ("table", ()), ("tr", ()), ("th", ("align",)),
    ("td", ()), ("a", ("href",)), ("code", ()), ("blockquote", ()), ("pre", ()),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_words_stay_inert_in_every_field(name: str) -> None:
    bad = HOSTILE[name]
    review = Review(
        bad, bad, bad, bad, "open", (bad,), 2, bad, bad, bad, bad, bad, bad, True, True, bad, bad, bad, bad, bad, bad, bad
    )  # fmt: skip
    mail = read(Event(bad, bad, Data(bad, bad, bad, bad, (review, review), 3)), answers="msg_0", destination=bad)
    assert set(mail.keys()) == HEADERS | {"In-Reply-To", "References"}
    assert mail["To"] == "ana@example.com, ben@example.com"
    plain, html = parts(mail)
    tags = Tags()
    tags.feed(html)
    assert set(tags.seen) <= OURS
    for text in (plain, html, str(mail["Subject"]), str(mail["List-Id"])):
        assert not (UNSEEN - {"\r"}) & set(text)
    assert "javascript:" not in html
    assert len(plain) < 400_000


def test_a_link_that_is_none_is_text() -> None:
    _, html = parts(read(event(Review("rev_1", link="javascript:alert(1)"))))
    assert "<a " not in html
