"""Messages for Slack as Block Kit. Whatever is not ours stands in plain_text objects, which Slack does not interpret.

Sources: https://docs.slack.dev/reference/block-kit, https://docs.slack.dev/messaging/formatting-message-text (escaping),
https://docs.slack.dev/reference/methods/chat.postMessage.
"""

from typing import Any, Final

from orchvynt.dialects.inert import inert, one_line
from orchvynt.dialects.telling import REVIEWS_SHOWN_MAX, Event, Review, lines

TEXT_CHARS_MAX: Final = 3_000
FIELD_CHARS_MAX: Final = 1_500
EXCERPT_CHARS_MAX: Final = 1_000
FIELDS_MAX: Final = 10
APPROVE: Final = "review_approve"
REJECT: Final = "review_reject"
OPEN: Final = "review_open"
REASON_BLOCK: Final = "reason"
REASON_INPUT: Final = "reason_text"
REASON_CHARS_MAX: Final = 2_000


def escaped(text: str, chars_max: int = TEXT_CHARS_MAX) -> str:
    """For a text that Slack reads as mrkdwn: no mention, link or channel comes of it."""
    return inert(text, chars_max).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def posted(event: Event, channel: str, message: str, thread: str = "", buttons: bool = False) -> dict[str, Any]:
    """The arguments of chat.postMessage. `message` is our own id; `thread` the timestamp of the message that it answers."""
    said: dict[str, Any] = {
        "channel": channel,
        **content(event, buttons),
        "parse": "none",
        "mrkdwn": False,
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "metadata": {"event_type": "orchvynt_message", "event_payload": {"id": message, "type": event.type}},
    }
    if thread:
        said["thread_ts"] = thread
    return said


def updated(event: Event, channel: str, ts: str) -> dict[str, Any]:
    """The arguments of chat.update: the same message, and nothing to press in it any more."""
    return {"channel": channel, "ts": ts, **content(event, buttons=False), "parse": "none", "link_names": False}


def content(event: Event, buttons: bool) -> dict[str, Any]:
    blocks: list[dict[str, Any]] = [_section(event.data.text)]
    shown = event.data.reviews[:REVIEWS_SHOWN_MAX]
    alone = len(event.data.reviews) == 1 and not event.data.more
    for review in shown:
        blocks += _review(review, alone)
    if alone and event.is_open:
        blocks += _actions(shown[0], buttons)
    elif event.data.link and (rest := len(event.data.reviews) + event.data.more - len(shown)) > 0:
        blocks.append(_context(f"and {rest} more: {event.data.link}"))
    if event.data.next:
        blocks.append(_context(event.data.next))
    return {"text": escaped(event.data.text), "blocks": blocks}


def _review(review: Review, alone: bool) -> list[dict[str, Any]]:
    if not alone:
        return [_context(f"{review.review}  {review.age or review.decision}  {review.requester or review.key}".strip())]
    fields = [_plain(f"{name}: {value}", FIELD_CHARS_MAX) for name, value in lines(review)[:FIELDS_MAX]]
    blocks: list[dict[str, Any]] = [{"type": "section", "fields": fields}]
    if review.excerpt:
        blocks.append(_section(review.excerpt, EXCERPT_CHARS_MAX))
    return blocks


def _actions(review: Review, buttons: bool) -> list[dict[str, Any]]:
    elements: list[dict[str, Any]] = []
    if buttons and review.buttons:
        elements = [
            {"type": "button", "action_id": APPROVE, "style": "primary", "text": _plain("Approve", 75), "value": review.review},
            {"type": "button", "action_id": REJECT, "style": "danger", "text": _plain("Reject", 75), "value": review.review},
        ]
    if review.link:
        elements.append({"type": "button", "action_id": OPEN, "text": _plain("Open", 75), "url": review.link, "value": review.review})
    return [{"type": "actions", "elements": elements}] if elements else []


def modal(review: str, choice: str, private: str) -> dict[str, Any]:
    """The view that asks for a reason. `private` comes back with it, as it is."""
    title = "Approve" if choice == "approve" else "Reject"
    return {
        "type": "modal",
        "callback_id": f"review_{choice}",
        "private_metadata": private,
        "title": _plain(title, 24),
        "submit": _plain(title, 24),
        "close": _plain("Cancel", 24),
        "blocks": [
            _section(f"{title} review {review}. The gate requires a reason; it is kept with the decision."),
            {
                "type": "input",
                "block_id": REASON_BLOCK,
                "label": _plain("Reason", 75),
                "element": {
                    "type": "plain_text_input", "action_id": REASON_INPUT, "multiline": True, "min_length": 1,
                    "max_length": REASON_CHARS_MAX,
                },
            },
        ],
    }  # fmt: skip


def _section(text: str, chars_max: int = TEXT_CHARS_MAX) -> dict[str, Any]:
    return {"type": "section", "text": _plain(text, chars_max)}


def _context(text: str) -> dict[str, Any]:
    return {"type": "context", "elements": [_plain(one_line(text, FIELD_CHARS_MAX), FIELD_CHARS_MAX)]}


def _plain(text: str, chars_max: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": inert(text, chars_max) or "-", "emoji": False}
