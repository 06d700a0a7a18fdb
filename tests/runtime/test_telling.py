"""From facts of reviews to messages: who is told what, in few messages, and nothing is lost whenever the process dies."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.runtime.test_alerting import HOOK
from tests.support.review_news import GATE, Told, told_by
from tests.support.snapshots import SECOND

from orchvynt.language.snapshot import Destination, Mailbox, SecretRef, SlackChannel
from orchvynt.ports.channels import Mail, Refusal

HEADS = msgspec.structs.replace(HOOK, name="heads", path="/heads")
SLACK = Destination(
    "oncall", "127.0.0.1", 9, False, "/api", SecretRef("env", "SLACK_TOKEN"), "slack",
    SlackChannel("#ai", SecretRef("env", "SLACK_SIGNING_SECRET")),
)  # fmt: skip
MAIL = Destination("oncall", "", 0, True, "", SecretRef("env", "SMTP_URL"), "email", mail=Mailbox(("ana@example.com",)))


def test_a_review_is_told_and_so_is_its_outcome() -> None:
    told = Told()
    told.opened("rev_1", quorum=2, require_reason=True)
    told.look(3)
    ((path, body),) = told.told
    assert (path, body["type"]) == ("/hook", "review.opened")
    assert body["data"]["text"] == "Review rev_1 waits at gate g for 2 of finance."
    (review,) = body["data"]["reviews"]
    assert (review["review"], review["gate"], review["status"], review["requester"], review["quorum"]) == ("rev_1", "g", "open", "c@x.y", 2)
    assert review["link"] == "https://ov.example/api/v1/reviews/rev_1"
    assert body["data"]["next"] == "orchvynt reviews show rev_1"
    told.decided("rev_1", reason="words of a person")
    told.look(3)
    assert told.types[1] == ("review.decided", ["rev_1"])
    assert told.told[1][1]["data"]["text"] == "Review rev_1 at gate g is approved by ana@example.com."
    assert "words of a person" not in json.dumps(told.told[1][1])
    told.look(100)
    assert len(told.told) == 2
    assert told.do(told.runtime.store.news(10)) == told.do(told.runtime.store.news(10, assigned=True)) == []


def test_an_escalation_goes_to_the_groups_own_channel_and_all_hear_the_end() -> None:
    told = Told(told_by(destinations={"oncall": HOOK, "heads": HEADS}))
    told.opened("rev_1")
    told.look(2)
    told.escalated("rev_1")
    told.look(20)
    told.decided("rev_1", "expire")
    told.look(20)
    assert [(path, body["type"]) for path, body in told.told] == [
        ("/hook", "review.opened"),
        ("/heads", "review.escalated"),
        ("/hook", "review.expired"),
        ("/heads", "review.expired"),
    ]
    assert "heads may decide now" in told.told[1][1]["data"]["text"]


def test_a_gate_that_tells_nobody_leaves_no_news() -> None:
    told = Told(told_by(gates=(msgspec.structs.replace(GATE, notify=()),)))
    told.opened("rev_1")
    told.decided("rev_1")
    told.look(2)
    assert told.told == []
    assert told.do(told.runtime.store.news(10)) == []


def test_a_storm_makes_no_storm_of_messages() -> None:
    told = Told()
    for number in range(2_000):
        told.opened(f"rev_{number:04}", number % 50)
    told.look(60)
    opened = [body for _, body in told.told]
    assert len(opened) == 1
    assert opened[0]["data"]["text"].startswith("2000 reviews wait at gate g, the oldest for ")
    assert (len(opened[0]["data"]["reviews"]), opened[0]["data"]["more"]) == (100, 1_900)
    for number in range(2_000):
        told.decided(f"rev_{number:04}", "approve" if number % 4 else "reject", number % 50)
    told.look(60)
    assert len(told.told) == 2
    assert told.told[1][1]["data"]["text"] == "2000 reviews at gate g are decided: 1500 approved, 500 rejected."


def test_a_digest_comes_once_in_its_time() -> None:
    hour = 3_600
    told = Told(told_by(destinations={"oncall": msgspec.structs.replace(HOOK, digest_ns=hour * SECOND)}))
    told.opened("rev_1")
    told.look(5)
    told.opened("rev_2")
    told.opened("rev_3")
    told.decided("rev_3")
    told.look(10)
    assert told.told == []
    told.runtime.clock.advance(hour * SECOND)
    told.look(3)
    assert told.types == [("review.opened", ["rev_1", "rev_2"]), ("review.decided", ["rev_3"])]


def test_no_message_before_it_is_known_where_links_lead() -> None:
    told = Told()
    told.runtime.telling.public_url = ""
    told.opened("rev_1")
    told.look(5)
    assert told.told == []
    told.runtime.telling.public_url = "https://ov.example"
    told.look(3)
    assert told.types == [("review.opened", ["rev_1"])]


def test_slack_gets_buttons_and_the_outcome_in_the_thread() -> None:
    told = Told(told_by(destinations={"oncall": SLACK}))
    told.opened("rev_1")
    told.look(2)
    ((path, posted),) = told.told
    assert path == "/api/chat.postMessage"
    assert told.arrivals[0].headers["authorization"] == "Bearer xoxb-1"
    assert told.arrivals[0].headers["content-type"] == "application/json; charset=utf-8"
    assert "review_approve" in json.dumps(posted["blocks"])
    assert "thread_ts" not in posted
    told.decided("rev_1")
    told.look(2)
    (update_path, update), (reply_path, reply) = told.told[1:]
    assert (update_path, update["channel"], update["ts"]) == ("/api/chat.update", "C1", "170.1")
    assert "review_approve" not in json.dumps(update)
    assert (reply_path, reply["channel"], reply["thread_ts"]) == ("/api/chat.postMessage", "C1", "170.1")


def test_slacks_rate_limit_is_kept_and_a_refusal_for_good_is_the_end() -> None:
    told = Told(told_by(destinations={"oncall": SLACK}))
    told.status = 429
    told.opened("rev_1")
    told.look(2)
    assert len(told.arrivals) == 1
    told.status = 200
    told.look(6)
    assert len(told.arrivals) == 1, "seven seconds are asked for"
    told.look(2)
    assert len(told.arrivals) == 2
    told.answers["chat.postMessage"] = b'{"ok":false,"error":"invalid_blocks"}'
    told.opened("rev_2")
    told.look(30)
    assert len(told.arrivals) == 3
    assert told.runtime.alerting.delivering.undeliverable == {"oncall": 1}
    assert "xoxb-1" not in "".join(told.runtime.said)


def test_a_message_that_somebody_removed_is_answered_beside_it() -> None:
    told = Told(told_by(destinations={"oncall": SLACK}))
    told.opened("rev_1")
    told.look(2)
    told.answers["chat.update"] = b'{"ok":false,"error":"message_not_found"}'
    told.decided("rev_1")
    told.look(2)
    assert [path.rpartition("/")[2] for path, _ in told.told] == ["chat.postMessage", "chat.update", "chat.postMessage"]


def test_mail_is_threaded_and_a_server_that_is_away_loses_nothing() -> None:
    told = Told(told_by(destinations={"oncall": MAIL}))
    mailing = told.runtime.mailing
    mailing.refusals = [Refusal("the mail server cannot be reached (TimeoutError)")]
    told.opened("rev_1")
    told.look(8)
    told.decided("rev_1")
    told.look(8)
    first, second = (mail for _, (mail,) in mailing.taken)
    assert isinstance(first, Mail)
    assert (first.sender, first.to) == ("me@mail.example", ("ana@example.com",)), "the user of the URL sends"
    message = next(line for line in first.content.split(b"\r\n") if line.startswith(b"Message-ID: "))
    assert b"In-Reply-To: " + message.removeprefix(b"Message-ID: ") in second.content
    assert "pw" not in "".join(told.runtime.said)


@pytest.mark.parametrize("excerpt", [False, True])
def test_a_reason_goes_out_only_where_content_may(excerpt: bool) -> None:
    told = Told(told_by(destinations={"oncall": msgspec.structs.replace(HOOK, excerpt=excerpt)}))
    told.opened("rev_1")
    told.decided("rev_1", "reject", reason="the key is sk-abcdefgh12345678")
    told.look(3)
    text = json.dumps(told.told)
    assert ("the key is" in text) is excerpt
    assert "abcdefgh" not in text


steps = st.lists(
    st.tuples(st.sampled_from(["open", "open", "decide", "escalate", "look", "wait", "die", "away", "fails", "works"]), st.integers(0, 30)),
    max_size=60,
)


@settings(max_examples=25, deadline=None)
@given(steps)
def test_whenever_it_dies_everything_is_told_in_order(course: list[tuple[str, int]]) -> None:
    """Against a model: a process that dies between any two steps, a store that is away, a receiver that fails."""
    made = told_by(destinations={"oncall": HOOK, "heads": HEADS})
    told = Told(made)
    store = told.runtime.store
    heard: list[tuple[str, str, list[str]]] = []
    ids: list[str] = []
    open_reviews: list[str] = []
    decided: set[str] = set()
    count = lives = 0

    def take() -> None:
        for name, (path, body) in zip(told.ids, told.told, strict=True):
            # What was taken, and not noted before the process died, comes again under its id: a receiver knows it by that.
            if name not in ids:
                ids.append(name)
                heard.append((path, body["type"], [one["review"] for one in body["data"]["reviews"]]))
        told.told.clear()
        told.ids.clear()

    for what, number in course:
        if what == "open":
            count += 1
            told.opened(f"rev_{count}")
            open_reviews.append(f"rev_{count}")
        elif what in ("decide", "escalate") and open_reviews:
            review = open_reviews[number % len(open_reviews)]
            if what == "escalate":
                told.escalated(review)
            else:
                open_reviews.remove(review)
                decided.add(review)
                told.decided(review)
        elif what == "look":
            told.look(1 + number % 3)
        elif what == "wait":
            told.runtime.clock.advance(number * SECOND)
        elif what == "away":
            store.away = not store.away
        elif what in ("fails", "works"):
            told.status = 500 if what == "fails" else 204
        elif what == "die":
            take()
            clock, status = told.runtime.clock, told.status
            lives += 1
            told = Told(made, store, lives)
            told.runtime.clock.advance(clock.now() - told.runtime.clock.now())
            told.status = status
    store.away, told.status = False, 204
    told.look(400)
    take()
    for review in (f"rev_{number}" for number in range(1, count + 1)):
        mine = [kind for path, kind, reviews in heard if path == "/hook" and review in reviews]
        assert mine, f"{review} was never told"
        assert mine.count("review.opened") <= 1
        assert mine.count("review.decided") == (review in decided)
        assert "review.decided" not in mine[:-1], "its end is told last"
    assert told.do(store.messages("waiting", 10)) == []
    assert told.do(store.news(10)) == told.do(store.news(10, assigned=True)) == []
