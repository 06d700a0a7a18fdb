"""The rows in which the provider cannot be reached, is too large, miscounts, or is one of many that are down."""

from typing import Any, Final

from tests.faults.table import Chapter, Row, Same

GONE: Final = "The next tier at once: nothing was sent, so the hold is given back."
BOUNDED: Final = "The server's memory grows by less than 64 MiB."
USAGE_LAST: Final = "the one body holds the usage, wherever it stands"


def _usage(claim: Any) -> Any:
    return {"usage": claim}


UNREACHED: Final = Chapter(
    "It cannot be reached",
    (
        Row("refused", "It refuses connections.", GONE, "next tier", "next tier", "refuse_connections", "connection"),
        Row(
            "hole",
            "Its address swallows everything: no connection comes about.",
            "The next tier within `connect`; the hold is given back, and the model rests for 15 seconds.",
            "next tier", "next tier", words="timeout", rests=True,
        ),
        Row("name", "Its name cannot be resolved.", GONE, "next tier", "next tier", words="connection timeout"),
        Row(
            "no-tls",
            "It speaks no TLS where TLS is due.",
            "The next tier at once. TLS is never given up.",
            "next tier", "next tier", words="connection",
        ),
        Row(
            "certificate",
            "Its certificate is signed by nobody that is trusted.",
            "The next tier at once. There is no switch that turns this off.",
            "next tier", "next tier", words="connection",
        ),
        Row("hangs-up", "It accepts connections and closes them at once.", f"{GONE[:-1]}, or settled where it cannot be known.",
            "next tier", "next tier", words="connection"),
    ),
)  # fmt: skip

TOO_MUCH: Final = Chapter(
    "It is too much",
    (
        Row("giant-header", "A header of 1 MiB.", BOUNDED, "next tier", "next tier", "giant_header", "malformed"),
        Row("giant-line", "A line of 16 MiB.", BOUNDED, "next tier", "next tier", "giant_line", "malformed"),
        Row(
            "giant-body",
            "An answer of 64 MiB.",
            f"At most 16 MiB of one answer are taken. {BOUNDED}",
            "next tier", "error event", "giant_body", "malformed cut",
        ),
        Row(
            "giant-error",
            "An error with a body of 24 MiB.",
            f"{BOUNDED} Of its words the record keeps 500 characters.",
            "next tier", "next tier", {"status": 500, "body": "x" * (24 << 20)}, "server_error malformed",
        ),
        Row(
            "bomb",
            "A compressed body that unpacks to 256 MiB.",
            BOUNDED,
            "next tier", "next tier", {"gzip": "bomb"}, "malformed cut",
        ),
    ),
)  # fmt: skip

MISCOUNTS: Final = Chapter(
    "It miscounts",
    (
        Row(
            "no-usage",
            "Its answer says nothing of usage.",
            "Settled at the hold, marked as estimated.",
            "answer", "answer", answer=_usage("missing"),
        ),
        Row(
            "late-usage",
            "Its usage stands in the last chunk only.",
            "It is settled at. The caller sees it only if it asked for it, and then once.",
            Same(USAGE_LAST), "answer", answer=_usage("last_chunk"),
        ),
        Row(
            "absurd-usage",
            "Its usage is impossible.",
            "Settled at the hold, marked as estimated.",
            "answer", "answer", answer=_usage("absurd"),
        ),
        Row(
            "overrun",
            "It bills more tokens than the request allowed.",
            "Settled in full and marked as the provider's overrun. The budget is used up: the next call is refused, and nothing is sent.",
            "answer", "answer", answer=_usage({"input": 400, "output": 900}),
        ),
    ),
)  # fmt: skip

MANY: Final = Chapter(
    "All of them",
    (
        Row(
            "all-fail",
            "Every tier fails.",
            "Every attempt is listed with model, trigger, status and time. All holds are settled or given back.",
            "503", "503", {"status": 500}, "server_error",
        ),
        Row(
            "all-rest",
            "Every tier asked for a time of rest.",
            "Nobody is asked again before: the next call is refused at once, says for how long, and lists who rests.",
            "503", "503", {"status": 429, "retry_after": 30}, "rate_limit",
        ),
        Row(
            "alone",
            "The only model asks for a short wait.",
            "It is waited for, within `respect_retry_after`.",
            "answer", "answer", {"status": 429, "retry_after": 1}, "rate_limit",
        ),
        Row(
            "silent-last",
            "A model that was silent is the only one left.",
            "A silent model is not asked first for a while, but asked after all where everybody else failed.",
            "answer", "answer", "silent", "timeout server_error",
        ),
        Row(
            "too-late",
            "No answer has begun when `invocation` is over.",
            "The attempt is closed at once and listed.",
            "503", "503", words="timeout", answer={"latency": "20s"},
        ),
    ),
)  # fmt: skip
