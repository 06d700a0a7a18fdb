"""The rows in which the provider misbehaves: what it does, what the caller sees, and what else follows."""

from types import MappingProxyType
from typing import Final

from tests.faults.table import Chapter, Row, Same

AGAIN: Final = "The same model is asked again within `max_retries`, after the backoff; then the next tier."
AT_ONCE: Final = "The next tier at once."
JUDGED: Final = "It is the provider's judgement of the request: no retry, no other tier, and nothing rests."
NOT_WHOLE: Final = "Nothing was delivered: the same model again, then the next tier."
NEVER_SPLICED: Final = "What was delivered stays; no second answer is joined to it. The attempt is settled at its hold."
PAID: Final = "The attempt may have run: it is settled at its hold, not given back."
QUOTA: Final = MappingProxyType(
    {
        "openai": {"status": 429, "error_code": "insufficient_quota", "message": "You exceeded your current quota"},
        "anthropic": {"status": 400, "message": "Your credit balance is too low to access the Anthropic API."},
        "ollama": {"status": 400, "message": "You are out of credits."},
    }
)
ONE_BODY: Final = "an answer that does not stream is one JSON value; it has no lines"

REFUSES: Final = Chapter(
    "It refuses",
    (
        Row(
            "429-wait",
            "It answers 429 and says with `Retry-After` when to come back.",
            "The next tier at once; the hold is released. The model rests for as long as it said: nobody asks it before.",
            "next tier", "next tier", {"status": 429, "retry_after": 30}, "rate_limit", rests=True,
        ),
        Row(
            "429",
            "It answers 429 and says no time.",
            "The next tier at once; the model rests for the backoff.",
            "next tier", "next tier", {"status": 429}, "rate_limit",
        ),
        Row("529", "It answers 529: overloaded.", "As 429.", "next tier", "next tier", {"status": 529}, "overloaded"),
        Row(
            "503-busy",
            "It answers 503 and its words say that it is overloaded.",
            "As 429.",
            "next tier", "next tier", {"status": 503, "message": "The engine is currently overloaded"}, "overloaded",
        ),
        Row("500", "It answers 500.", AGAIN, "next tier", "next tier", {"status": 500}, "server_error"),
        Row(
            "502-page",
            "It answers 502 with a web page.",
            AGAIN,
            "next tier", "next tier", {"status": 502, "body": "<html>Bad gateway</html>"}, "server_error",
        ),
        Row("503", "It answers 503.", AGAIN, "next tier", "next tier", {"status": 503, "message": "try later"}, "server_error"),
        Row(
            "401",
            "It answers 401 and repeats our key in its words.",
            "The next tier at once, and all models behind that key rest. The caller never sees a 401 of ours; the key is scrubbed from the "
            "answer, the record and the log.",
            "next tier", "next tier", {"echo_key": True}, "auth", rests=True,
        ),
        Row("403", "It answers 403 and repeats our key.", "As 401.", "next tier", "next tier", {"echo_key": 403}, "auth", rests=True),
        Row(
            "402",
            "It answers 402: nobody paid.",
            "The next tier at once, and all models behind that key rest.",
            "next tier", "next tier", {"status": 402}, "quota", rests=True,
        ),
        Row(
            "quota",
            "Its error code or its words say that the quota is used up.",
            "As 402, whatever the status.",
            "next tier", "next tier", words="quota", each=QUOTA, rests=True,
        ),
        Row(
            "400",
            "It answers 400: a parameter that it does not know.",
            JUDGED,
            "refusal", "refusal", {"status": 400, "message": "no such parameter"}, "bad_request",
        ),
        Row(
            "404",
            "It answers 404: no such model.",
            JUDGED,
            "refusal", "refusal", {"status": 404, "message": "no such model"}, "bad_request",
        ),
        Row(
            "418",
            "It answers another 4xx, with a body of its own making.",
            JUDGED,
            "refusal", "refusal", {"status": 418, "body": {"any": ["thing"]}}, "bad_request",
        ),
        Row(
            "too-long",
            "The request is too long for the model.",
            "The next tier at once. A tier that is known to be too small as well is left out.",
            "next tier", "next tier",
            {"status": 400, "message": "This model's maximum context length is 8 tokens"}, "context_length",
        ),
        Row(
            "filter",
            "Its content filter refuses the request.",
            JUDGED,
            "refusal", "refusal",
            {"status": 400, "error_code": "content_filter", "message": "content_filter"}, "content_filter",
        ),
        Row(
            "filtered",
            "Its content filter ends an answer.",
            "It is the answer: what came, with `finish_reason: content_filter`. No other tier is asked.",
            "answer", "answer", answer={"text": "I", "finish": "content_filter"},
            differs={(kind, how): Same("Ollama has no such ending") for kind in ("ollama",) for how in ("whole", "stream")},
        ),
        Row("html", "It answers 200 with a web page.", AGAIN, "next tier", "next tier", "html_200", "malformed"),
        Row("error-200", "It answers 200 with an error object.", AGAIN, "next tier", "next tier", "error_object_200", "malformed"),
        Row(
            "busy-200",
            "It answers 200 with an error object that says: overloaded.",
            AGAIN,
            "next tier", "next tier", {"error_object_200": True, "error_type": "overloaded_error"}, "malformed overloaded",
        ),
        Row("empty", "It answers 200 with nothing.", AGAIN, "next tier", "next tier", "empty_200", "malformed"),
        Row("redirect", "It redirects.", "Never followed. " + AGAIN, "next tier", "next tier", "redirect", "malformed"),
    ),
)  # fmt: skip

BREAKS: Final = Chapter(
    "It breaks off",
    (
        Row(
            "error-first",
            "The first thing in its answer is an error (a stream's first event; else a 500).",
            NOT_WHOLE,
            "next tier", "next tier", {"error_event_after": 0}, "server_error cut overloaded malformed",
        ),
        Row(
            "error-later",
            "An error comes after content.",
            NEVER_SPLICED,
            "next tier", "error event", {"error_event_after": 2}, "cut server_error",
        ),
        Row("end-first", "It ends well-framed before any content.", NOT_WHOLE, "next tier", "next tier",
            {"clean_end_without_terminal": 0}, "cut malformed"),
        Row("end-later", "It ends well-framed amid the content.", NEVER_SPLICED, "next tier", "error event",
            {"clean_end_without_terminal": 2}, "cut malformed"),
        Row("no-marker", "All content comes, but not the marker that ends it.", NEVER_SPLICED, "next tier", "error event",
            {"clean_end_without_terminal": 999}, "cut malformed"),
        Row("fin-first", "It closes the connection (FIN) in the middle of the first chunk.", NOT_WHOLE, "next tier", "next tier",
            {"cut_after": 0}, "cut connection malformed"),
        Row("fin-later", "It closes the connection (FIN) in the middle of a later chunk.", NEVER_SPLICED, "next tier", "error event",
            {"cut_after": 2}, "cut connection malformed"),
        Row("rst-first", "It resets the connection (RST) after the head.", NOT_WHOLE, "next tier", "next tier",
            {"reset_after": 0}, "cut connection malformed"),
        Row("rst-later", "It resets the connection (RST) after content.", NEVER_SPLICED, "next tier", "error event",
            {"reset_after": 2}, "cut connection malformed"),
        Row("close", "It closes (FIN) before a byte.", f"{AGAIN} {PAID}", "next tier", "next tier", "close_before_byte", "connection"),
        Row("reset", "It resets (RST) before a byte.", f"{AGAIN} {PAID}", "next tier", "next tier", "reset_before_byte", "connection"),
        Row(
            "stale",
            "A kept-alive connection is closed when it is used again.",
            "The request is sent once more at once. Nobody can know whether the first was read, so both are attempts with a hold.",
            "answer", "answer", "close_on_reuse", "connection",
        ),
    ),
)  # fmt: skip

SILENT: Final = Chapter(
    "It is silent",
    (
        Row(
            "silent",
            "It accepts the request and never answers.",
            f"`first_token` of a stream, `answer` of all else ends the wait; then the next tier. The model rests for 15 seconds. {PAID}",
            "next tier", "next tier", "silent", "timeout", rests=True,
        ),
        Row(
            "slow-first",
            "Its first token takes too long.",
            "As above.",
            "next tier", "next tier", {"slow_first_token": "30s"}, "timeout", rests=True,
        ),
        Row(
            "pings",
            "It sends keep-alives and nothing else.",
            "As above. A ping is no progress.",
            "next tier", "next tier", {"pings_only": True, "interval": "20ms"}, "timeout", rests=True,
        ),
        Row(
            "stall",
            "It falls silent amid its answer.",
            "`stall` of a stream, `answer` of all else ends the wait. The model rests for 15 seconds. " + NEVER_SPLICED,
            "next tier", "error event", {"stall_after": 2}, "stall timeout", rests=True,
        ),
    ),
)  # fmt: skip

GARBLES: Final = Chapter(
    "It garbles",
    (
        Row("bytewise", "It writes one byte at a time: characters, lines and chunks come in pieces.", "The same text, byte for byte.",
            "answer", "answer", "one_byte_writes"),
        Row("at-once", "It writes everything at once.", "The same text, byte for byte.", "answer", "answer", "one_write"),
        Row("crlf", "The lines of its stream end in CR LF.", "The same text, byte for byte.", Same(ONE_BODY), "answer", "crlf"),
        Row("gzip", "It compresses what nobody asked it to compress.", "It is unpacked.", "answer", "answer", {"gzip": "good"}),
        Row("gzip-bad", "What it compressed cannot be unpacked.", NOT_WHOLE, "next tier", "either", {"gzip": "corrupt"}, "malformed cut"),
        Row("utf-8", "It sends bytes that are not UTF-8.", NOT_WHOLE, "next tier", "either", "invalid_utf8", "malformed"),
        Row("bad-json", "It sends what is not JSON.", NOT_WHOLE, "next tier", "either", "bad_json", "malformed"),
        Row("half-json", "It sends half of a JSON value.", NOT_WHOLE, "next tier", "either", "truncated_json", "malformed"),
        Row("type", "A good answer has the wrong content type.", NOT_WHOLE, "next tier", "next tier", "wrong_content_type", "malformed"),
        Row(
            "longer",
            "Its `Content-Length` is larger than what comes.",
            "A stream that has come to its marker is whole all the same.",
            "next tier", "answer", {"wrong_length": "more"}, "malformed connection cut",
        ),
        Row(
            "shorter",
            "Its `Content-Length` is smaller than what comes.",
            "The connection is not used again: what is too much on it is nobody's answer.",
            "next tier", "error event", {"wrong_length": "less"}, "malformed connection cut",
        ),
    ),
)  # fmt: skip
