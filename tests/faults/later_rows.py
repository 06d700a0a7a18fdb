"""The rows in which a stream is rescued, a provider comes and goes, or a caller names its request by a key."""

from typing import Final

from tests.faults.table import Chapter, Row

PREFILL: Final = "The next tier goes on with what was delivered (a trailing assistant turn): one text, no repeat, no gap."
INSTRUCT: Final = "The next tier is asked to go on; what it repeats is cut away: one text, no repeat, no gap."
UNSEAMED: Final = "Without a clean seam the stream ends with an error event: never two answers in one."

RESCUED: Final = Chapter(
    "It breaks off, and `mid_stream` is `continue` or `restart`",
    (
        Row("prefill-fin", "It closes the connection (FIN) in the middle of a chunk.", PREFILL, "next tier", "continued",
            {"cut_after": 2}, "cut connection malformed"),
        Row("prefill-rst", "It resets the connection (RST) after content.", PREFILL, "next tier", "continued",
            {"reset_after": 2}, "cut connection malformed"),
        Row("prefill-end", "It ends well-framed amid the content.", PREFILL, "next tier", "continued",
            {"clean_end_without_terminal": 2}, "cut malformed"),
        Row("prefill-error", "An error comes after content.", PREFILL, "next tier", "continued",
            {"error_event_after": 2}, "cut server_error"),
        Row("prefill-stall", "It falls silent amid its answer.", PREFILL, "next tier", "continued", {"stall_after": 2}, "stall timeout"),
        Row("instruct-again", "The next tier says the whole text again.", INSTRUCT, "next tier", "continued",
            {"cut_after": 2}, "cut connection malformed"),
        Row("instruct-overlap", "The next tier begins with the last words that were delivered.", INSTRUCT, "next tier", "continued",
            {"cut_after": 2}, "cut connection malformed"),
        Row("instruct-other", "The next tier says something else.", UNSEAMED, "next tier", "error event",
            {"cut_after": 2}, "cut connection malformed"),
        Row("prefill-refused", "The next tier refuses a prefilled answer.", f"The tier after it is asked to go on. {INSTRUCT}",
            "next tier", "continued", {"cut_after": 2}, "cut connection malformed bad_request"),
        Row("prefill-refused-last", "The last tier refuses a prefilled answer.", UNSEAMED, "next tier", "error event",
            {"cut_after": 2}, "cut connection malformed bad_request"),
        Row("restart-first", "`restart`, and it breaks off before content.", "The next tier begins anew: nothing was delivered.",
            "next tier", "next tier", {"cut_after": 0}, "cut connection malformed"),
        Row("restart-later", "`restart`, and it breaks off after content.", UNSEAMED, "next tier", "error event",
            {"cut_after": 2}, "cut connection malformed"),
    ),
)  # fmt: skip

FLAPS: Final = Chapter(
    "It comes and goes",
    (
        Row(
            "flaps",
            "It is down, comes back, and is down again.",
            "Its breaker opens: nobody asks it, but for one probe at a time. Within 30 seconds after it is back, so is the traffic.",
            "next tier", "next tier", {"status": 503}, "server_error",
        ),
        Row(
            "all-open",
            "All providers are down for longer.",
            "Once the breakers are open: 503 in under a second with `retry-after`, and nothing is sent.",
            "503", "503", {"status": 503}, "server_error",
        ),
    ),
)  # fmt: skip

NAMED: Final = Chapter(
    "It names its request by an idempotency key",
    (
        Row("key-at-once", "The same key fifty times at once.", "One arrival; all fifty hear the same.", "answer", "answer"),
        Row("key-again", "The same key again after the caller ran out of time.", "One arrival; the answer that it did not wait for.",
            "answer", "answer"),
        Row("key-other-body", "The same key with another body.", "`idempotency_mismatch`, and nothing is sent.", "422", "422"),
    ),
)  # fmt: skip
