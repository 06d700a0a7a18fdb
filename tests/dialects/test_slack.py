"""Slack's formats: blocks that Slack takes and that nothing hostile breaks out of; signatures; payloads; answers of its API."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.signature import Clock, SignatureVerifier
from tests.support.hostile_words import HOSTILE, UNSEEN

from orchvynt.dialects.slack_blocks import content, escaped, modal, posted, updated
from orchvynt.dialects.slack_requests import UnreadableError, Verdict, email_of, read_answer, read_pressed, signature_holds
from orchvynt.dialects.telling import Data, Event, Review

NOW = 1_767_229_200
ONE = Review(
    "rev_1", "inv_1", "financial", reviewers=("finance",), requester="c@x.y", why='"a" in flags', buttons=True, link="https://ov/r/1"
)


def event(*reviews: Review, kind: str = "review.opened", text: str = "Review rev_1 waits.", more: int = 0) -> Event:
    return Event(kind, "", Data(text, "orchvynt reviews show rev_1", "https://ov/r", "financial", reviews, more))


def texts(value: Any) -> list[dict[str, Any]]:
    """Every text object in it."""
    if isinstance(value, dict):
        own = [value] if value.get("type") in ("plain_text", "mrkdwn") else []
        return own + [found for part in value.values() for found in texts(part)]
    return [found for part in value for found in texts(part)] if isinstance(value, list) else []


def test_one_review_has_buttons_and_many_have_none() -> None:
    alone = content(event(ONE), buttons=True)["blocks"]
    (actions,) = [block for block in alone if block["type"] == "actions"]
    assert [(one["action_id"], one["value"]) for one in actions["elements"]] == [
        ("review_approve", "rev_1"),
        ("review_reject", "rev_1"),
        ("review_open", "rev_1"),
    ]
    assert actions["elements"][2]["url"] == "https://ov/r/1"
    assert [
        one["action_id"]
        for block in content(event(ONE), buttons=False)["blocks"]
        for one in block.get("elements", [])
        if "action_id" in one
    ] == ["review_open"]
    many = content(event(ONE, ONE, more=10), buttons=True)["blocks"]
    assert [block["type"] for block in many] == ["section", "context", "context", "context", "context"]
    assert "and 10 more: https://ov/r" in many[3]["elements"][0]["text"]
    over = content(event(ONE, kind="review.decided"), buttons=True)["blocks"]
    assert not [block for block in over if block["type"] == "actions"]


def test_what_is_posted_and_updated() -> None:
    said = posted(event(ONE), "#ai", "msg_1", "170.1", buttons=False)
    assert (said["channel"], said["thread_ts"], said["parse"], said["mrkdwn"], said["link_names"]) == ("#ai", "170.1", "none", False, False)
    assert said["metadata"] == {"event_type": "orchvynt_message", "event_payload": {"id": "msg_1", "type": "review.opened"}}
    assert "thread_ts" not in posted(event(ONE), "#ai", "msg_1")
    changed = updated(event(ONE, kind="review.decided"), "C1", "170.1")
    assert (changed["channel"], changed["ts"]) == ("C1", "170.1")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_words_stay_inert_in_every_field(name: str) -> None:
    bad = HOSTILE[name]
    review = Review(
        bad, bad, bad, bad, "open", (bad,), 2, bad, bad, bad, bad, bad, bad, True, True, bad, bad, bad, bad, bad, bad, bad
    )  # fmt: skip
    for kind in ("review.opened", "review.decided", bad):
        for reviews in ((review,), (review, review)):
            said = posted(Event(kind, bad, Data(bad, bad, bad, bad, reviews, 3)), "#ai", "msg_1", buttons=True)
            found = texts(said["blocks"])
            assert found
            assert all(one["type"] == "plain_text" and one["emoji"] is False for one in found), "Slack does not interpret it"
            assert all(0 < len(one["text"]) <= 3_000 for one in found)
            assert "<" not in said["text"]
            assert ">" not in said["text"]
            for one in [*found, {"text": said["text"]}]:
                assert not UNSEEN & set(one["text"])
            assert len(said["blocks"]) <= 50
    assert all(one["type"] == "plain_text" for one in texts(modal(bad, "approve", "{}")))


def test_escaping_is_slacks_own() -> None:
    assert escaped("<!channel> & <@U1>") == "&lt;!channel&gt; &amp; &lt;@U1&gt;"


class At(Clock):
    def now(self) -> float:
        return float(NOW)


@given(
    st.binary(max_size=200),
    st.text(min_size=1, max_size=20, alphabet=st.characters(codec="ascii", exclude_characters="\x00")).filter(str.strip),
)
def test_signatures_are_those_of_slacks_own_library(body: bytes, secret: str) -> None:
    body = body.decode("utf-8", "ignore").encode()
    theirs = SignatureVerifier(secret, At())
    signature = theirs.generate_signature(timestamp=str(NOW), body=body)
    assert signature is not None
    assert signature_holds(secret, str(NOW), signature, body, NOW)
    assert theirs.is_valid(body, str(NOW), signature)
    assert not signature_holds(secret, str(NOW), signature, body + b"x", NOW)
    assert not signature_holds(secret + "x", str(NOW), signature, body, NOW)
    assert signature_holds(secret, str(NOW), signature, body, NOW + 300)
    assert not signature_holds(secret, str(NOW), signature, body, NOW + 301)
    assert not signature_holds(secret, str(NOW), signature, body, NOW - 301)


@pytest.mark.parametrize("timestamp", ["", "x", "-1", "1e9", "٣", "9" * 40])
def test_a_timestamp_that_is_none_opens_nothing(timestamp: str) -> None:
    assert not signature_holds("s", timestamp, "v0=x", b"", NOW)


def form(payload: Any) -> bytes:
    return urlencode({"payload": json.dumps(payload)}).encode()


PRESSED: dict[str, Any] = {
    "type": "block_actions",
    "user": {"id": "U1", "username": "ana", "team_id": "T1"},
    "team": {"id": "T1", "domain": "x"},
    "container": {"type": "message", "message_ts": "170.1", "channel_id": "C1", "is_ephemeral": False},
    "trigger_id": "1.2.3",
    "response_url": "https://hooks.slack.com/actions/T1/1/x",
    "actions": [{"type": "button", "action_id": "review_reject", "block_id": "b", "value": "rev_1", "action_ts": "170.2"}],
}
SUBMITTED: dict[str, Any] = {
    "type": "view_submission",
    "user": {"id": "U1"},
    "team": {"id": "T1"},
    "view": {
        "callback_id": "review_approve",
        "private_metadata": '{"review":"rev_1","channel":"C1","ts":"170.1"}',
        "state": {"values": {"reason": {"reason_text": {"type": "plain_text_input", "value": "fine by me"}}}},
    },
}


def test_payloads_are_read() -> None:
    pressed = read_pressed(form(PRESSED))
    assert (pressed.asked, pressed.review, pressed.user, pressed.team, pressed.channel, pressed.ts, pressed.trigger, pressed.reason) == (
        "reject", "rev_1", "U1", "T1", "C1", "170.1", "1.2.3", None,
    )  # fmt: skip
    submitted = read_pressed(form(SUBMITTED))
    assert (submitted.asked, submitted.review, submitted.channel, submitted.reason) == ("approve", "rev_1", "C1", "fine by me")
    opens = {**PRESSED, "actions": [{"action_id": "review_open", "value": "rev_1"}]}
    assert read_pressed(form(opens)).asked == "open"


@pytest.mark.parametrize(
    "payload",
    [
        [], 5, None, {}, {"type": "block_actions"}, {**PRESSED, "actions": []}, {**PRESSED, "user": {"id": 5}}, {**PRESSED, "user": None},
        {**PRESSED, "container": "x"}, {**SUBMITTED, "view": {**SUBMITTED["view"], "callback_id": "other"}},
        {**SUBMITTED, "view": {**SUBMITTED["view"], "private_metadata": "{}"}}, {**PRESSED, "actions": [{"action_id": [], "value": "x"}]},
    ],
)  # fmt: skip
def test_other_payloads_are_refused(payload: Any) -> None:
    with pytest.raises(UnreadableError):
        read_pressed(form(payload))


@given(st.binary(max_size=300))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    for given_body in (body, b"payload=" + body):
        try:
            read_pressed(given_body)
        except UnreadableError:
            continue


ANSWERS: list[tuple[int, dict[str, str], bytes, Verdict]] = [
    (200, {}, b'{"ok":true,"ts":"1"}', Verdict(said={"ok": True, "ts": "1"})),
    (429, {"retry-after": "7"}, b"", Verdict("Slack's rate limit", 7)),
    (429, {"retry-after": "soon"}, b"", Verdict("Slack's rate limit", 30)),
    (429, {"retry-after": "99999999"}, b"", Verdict("Slack's rate limit", 3_600)),
    (500, {}, b"", Verdict("it answered 500")),
    (302, {}, b"", Verdict("it answered 302")),
    (200, {}, b"<html>", Verdict("its answer is no JSON")),
    (200, {}, b'{"ok":false,"error":"channel_not_found"}', Verdict("Slack said channel_not_found")),
    (200, {}, b'{"ok":false,"error":"invalid_blocks"}', Verdict("Slack said invalid_blocks", final=True)),
    (200, {}, b'{"ok":false,"error":"message_not_found"}', Verdict("Slack said message_not_found", gone=True)),
    (200, {}, b'{"ok":1,"error":"<b>"}', Verdict("Slack said an error without a name")),
]


@pytest.mark.parametrize(("status", "headers", "body", "expected"), ANSWERS)
def test_answers_of_the_api(status: int, headers: dict[str, str], body: bytes, expected: Verdict) -> None:
    assert read_answer(status, headers, body) == expected


def test_only_a_confirmed_address_of_a_full_member_is_a_person() -> None:
    good: dict[str, Any] = {"is_email_confirmed": True, "profile": {"email": "Ana@example.com"}}
    assert email_of(good) == "Ana@example.com"
    for worse in (
        {**good, "is_email_confirmed": False}, {"profile": good["profile"]}, {**good, "deleted": True}, {**good, "is_bot": True},
        {**good, "is_restricted": True}, {**good, "is_ultra_restricted": True}, {**good, "is_stranger": True}, {**good, "profile": None},
        {**good, "profile": {}}, {**good, "is_email_confirmed": "yes"},
    ):  # fmt: skip
        assert email_of(worse) == ""
