"""The rows in which the caller misbehaves: what it does, what it sees of it, and what else follows."""

from typing import Final

from tests.faults.table import Chapter, Row

CLOSED: Final = "The provider's connection is closed within a second. Settled at the hold: never less than what was consumed."
NOBODY: Final = "No provider is asked."
OTHERS: Final = "Others are answered, `/health/ready` and the admin plane too."

LEAVES: Final = Chapter(
    "It goes away",
    (
        Row("leaves-before", "It closes its connection before the answer has begun.", CLOSED, "nothing", "nothing"),
        Row("leaves-amid", "It closes its connection amid the answer.", CLOSED, "nothing", "nothing"),
        Row("aborts-before", "It resets its connection before the answer has begun.", CLOSED, "nothing", "nothing"),
        Row("aborts-amid", "It resets its connection amid the answer.", CLOSED, "nothing", "nothing"),
        Row("leaves-waiting", "It goes while a retry waits for its time.", "Nobody else is asked; nothing is held.", "nothing", "nothing"),
    ),
)  # fmt: skip

SLOW: Final = Chapter(
    "It is slow",
    (
        Row(
            "reads-slowly",
            "It asks for much and does not read.",
            f"A provider is read only as fast as its caller reads. {OTHERS} The server's memory grows by less than 64 MiB.",
            "nothing", "nothing",
        ),
        Row("slow-header", "It never ends the head of its request.", f"408 after 10 seconds. {OTHERS} {NOBODY}", "4xx", "4xx", asks=False),
        Row("slow-body", "It stops amid the body of its request.", f"408 after 30 seconds. {OTHERS} {NOBODY}", "4xx", "4xx", asks=False),
        Row("idle", "It opens 5,000 connections and says nothing on them, or half a head.", OTHERS, "answer", "answer"),
    ),
)  # fmt: skip

REPEATS: Final = Chapter(
    "It asks again",
    (
        Row(
            "asks-in-review",
            "Its client asks again while the answer waits for a person.",
            "It joins the invocation that waits: one arrival at the provider, one answer.",
            "409", "409",
        ),
        Row(
            "asks-too-often",
            "It asks more often than a rate limit lets it.",
            "The limit, its subject and what remains are told; whoever comes back after `retry-after` is let in. Others are unaffected.",
            "429", "429",
        ),
        Row("five-equal", "Five equal calls at once.", "Five invocations, five arrivals, five records.", "answer", "answer"),
    ),
)  # fmt: skip

CLAIMS: Final = Chapter(
    "It claims",
    (
        Row(
            "leaves-out",
            "It leaves out the claim that a budget or a gate goes by.",
            "What its key fixes holds all the same; without a key's word the missing subject is one shared subject, `(none)`.",
            "402", "402",
        ),
        Row(
            "leaves-out-flag",
            "It leaves out the flag that a gate goes by.",
            "The flags that its key fixes are added: the answer waits for a person.",
            "409", "409",
        ),
        Row(
            "poses",
            "It claims another team's workflow.",
            "Its key's own workflow wins, and the record says what was overruled.",
            "answer", "answer",
        ),
        Row(
            "names-address",
            "It names a provider's address or key in its request.",
            "Only the policy names addresses and keys: such a header is not passed on, and the attempt goes where the policy says. A body "
            "that has to be translated is refused for such a field.",
            "answer or 4xx", "answer or 4xx",
        ),
    ),
)  # fmt: skip

HOSTILE: Final = Chapter(
    "It is hostile",
    (
        Row(
            "hostile-header",
            "SQL, HTML, invalid UTF-8, bidi marks or 5,000 characters in any header.",
            "Taken as they are or refused with a 400; never a 5xx.",
            "answer or 4xx", "answer or 4xx",
        ),
        Row(
            "hostile-name",
            "The same in a workflow, agent, run, session, user or flag.",
            "Taken as they are or refused with a 400; the record and the admin plane show them escaped.",
            "answer or 4xx", "answer or 4xx",
        ),
        Row("hostile-prompt", "The same in a prompt, with NUL and CR LF.", "It reaches the provider byte for byte.", "answer", "answer"),
        Row("body", "A body that is not what the endpoint takes.", f"400 with the field that is wrong. {NOBODY}", "4xx", "4xx", asks=False),
        Row("path", "A path or method that there is not.", f"404 or 405. {NOBODY}", "4xx", "4xx", asks=False),
        Row("form", "A body that is not JSON by its type.", f"415. {NOBODY}", "4xx", "4xx", asks=False),
        Row("too-large", "A body beyond 32 MiB.", f"413 before it is read. {NOBODY}", "4xx", "4xx", asks=False),
        Row("framing", "HTTP framing that can be read in two ways.", f"400, and it is closed. {NOBODY}", "4xx", "4xx", asks=False),
    ),
)  # fmt: skip
