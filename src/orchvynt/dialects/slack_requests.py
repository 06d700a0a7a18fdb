"""What Slack sends and answers: the signature of a request, the payload of a button or a form, and what an answer of its API means.

Sources: https://docs.slack.dev/authentication/verifying-requests-from-slack,
https://docs.slack.dev/reference/interaction-payloads, https://docs.slack.dev/apis/web-api/rate-limits.
"""

import hashlib
import hmac
from typing import Any, Final, Literal
from urllib.parse import parse_qs

import msgspec

from orchvynt.dialects.slack_blocks import APPROVE, REASON_BLOCK, REASON_INPUT, REJECT

AGE_S_MAX: Final = 300
_REFUSED_FOR_GOOD: Final = frozenset(
    {
        "invalid_blocks", "invalid_blocks_format", "msg_too_long", "msg_blocks_too_long", "no_text", "invalid_metadata_format",
        "invalid_metadata_schema", "metadata_too_large", "invalid_arguments", "markdown_text_conflict",
    }
)  # fmt: skip
_GONE: Final = frozenset({"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"})


def signature_holds(secret: str, timestamp: str, signature: str, body: bytes, now_s: int) -> bool:
    """`v0=` and HMAC-SHA256 over `v0:TIMESTAMP:BODY`, of the raw body, compared in constant time; not older than five minutes."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12) or abs(now_s - int(timestamp)) > AGE_S_MAX:
        return False
    expected = "v0=" + hmac.new(secret.encode(), b"v0:%b:%b" % (timestamp.encode(), body), hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode(errors="replace"))


class Pressed(msgspec.Struct, frozen=True):
    """A person wants something of a review. `asked` is `open` where only a link was followed; `reason` is None where none could be given
    yet. `trigger` opens a form, for three seconds. `channel` and `ts` are those of the message."""

    asked: Literal["approve", "reject", "open"]
    review: str
    user: str
    team: str = ""
    channel: str = ""
    ts: str = ""
    trigger: str = ""
    reason: str | None = None


class Private(msgspec.Struct, frozen=True):
    """What a form remembers of the message whose button opened it."""

    review: str
    channel: str
    ts: str


class UnreadableError(Exception):
    """It is signed, and not what we asked for."""


def read_pressed(body: bytes) -> Pressed:
    """A form-encoded `payload` of type block_actions or view_submission. Raises UnreadableError."""
    try:
        given = parse_qs(body.decode(), strict_parsing=True, max_num_fields=4).get("payload", [""])[0]
        payload = msgspec.json.decode(given, type=dict[str, Any])
        return _pressed(payload) if payload.get("type") == "block_actions" else _submitted(payload)
    except (msgspec.MsgspecError, ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise UnreadableError("the payload is none of a button or a form of ours") from error


_ASKED: Final[dict[str, Literal["approve", "reject", "open"]]] = {APPROVE: "approve", REJECT: "reject"}


def _pressed(payload: dict[str, Any]) -> Pressed:
    action = payload["actions"][0]
    asked = _ASKED.get(action["action_id"], "open")
    container = payload.get("container") or {}
    return Pressed(
        asked, _text(action["value"]), _text(payload["user"]["id"]), _text((payload.get("team") or {}).get("id", "")),
        _text(container.get("channel_id", "")), _text(container.get("message_ts", "")), _text(payload.get("trigger_id", "")),
    )  # fmt: skip


def _submitted(payload: dict[str, Any]) -> Pressed:
    view = payload["view"]
    private = msgspec.json.decode(view["private_metadata"], type=Private)
    choices: dict[str, Literal["approve", "reject"]] = {"review_approve": "approve", "review_reject": "reject"}
    reason = _text(view["state"]["values"][REASON_BLOCK][REASON_INPUT]["value"] or "")
    user, team = _text(payload["user"]["id"]), _text((payload.get("team") or {}).get("id", ""))
    return Pressed(choices[view["callback_id"]], private.review, user, team, private.channel, private.ts, "", reason)


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > 10_000:
        raise ValueError("not a text")
    return value


class Verdict(msgspec.Struct, frozen=True):
    """What an answer of Slack's API means. `why` is empty if it did what was asked; `gone`: the message is not there any more."""

    why: str = ""
    wait_s: int = 0
    final: bool = False
    gone: bool = False
    said: dict[str, Any] = {}


def read_answer(status: int, headers: dict[str, str], body: bytes) -> Verdict:
    """Of any status and body; never raises."""
    if status == 429:
        wait = headers.get("retry-after", "")
        seconds = min(int(wait), 3_600) if wait.isascii() and wait.isdigit() and len(wait) < 9 else 30
        return Verdict("Slack's rate limit", seconds)
    if not 200 <= status < 300:
        return Verdict(f"it answered {status}")
    try:
        said = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Verdict("its answer is no JSON")
    if said.get("ok") is True:
        return Verdict(said=said)
    word = said.get("error")
    named = (
        word
        if isinstance(word, str) and word.isascii() and word.replace("_", "").isalnum() and len(word) < 60
        else "an error without a name"
    )
    return Verdict(f"Slack said {named}", 0, named in _REFUSED_FOR_GOOD, named in _GONE)


def email_of(user: dict[str, Any]) -> str:
    """Whose Slack account it is: the confirmed e-mail address of a full member. Empty where there is none."""
    if user.get("deleted") or user.get("is_bot") or user.get("is_restricted") or user.get("is_ultra_restricted") or user.get("is_stranger"):
        return ""
    profile = user.get("profile")
    address = profile.get("email") if isinstance(profile, dict) else None
    return address if user.get("is_email_confirmed") is True and isinstance(address, str) and "@" in address else ""
