"""An outage of the only provider while 500 callers wait for their answers: what reaches it, what callers see, how soon all is well again.

`make outage` runs it twice, with a breaker that fits and with the default one, checks what is promised, and writes a dated report into
`results/`. It takes four minutes; `ARGS='--callers 100 --seconds 10'` less. The provider is the scripted one, over real sockets, and
everything is read from its own ledger and from what callers saw. Exit status 1: a promise was broken.
"""

import argparse
import asyncio
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.support.outage import Outage, closest_s, outage, policy
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

RESULTS = Path(__file__).parent / "results"
LATENCY_S: Final = 0.2
BEFORE_S: Final = 10.0
Row = tuple[str, str, bool | None]


def rows(seen: Outage, open_for_s: float, back_s: float) -> list[Row]:
    """What was measured, in words, and whether it keeps the promise; None where nothing is promised."""
    good = seen.good_again_s
    probes = seen.probes(open_for_s)
    failed = [call.took_s for call in seen.failed]
    skipped = sorted(call.took_s for call in seen.failed if call.skipped)
    shortest = closest_s(probes)
    share = seen.retries / max(1, len(seen.sent))
    nearly_all = good[max(0, -(-len(good) * 99 // 100) - 1)]
    return [
        ("calls by callers, and refused of them", f"{sum(map(len, seen.calls)):,} and {len(failed):,}", None),
        ("requests that reached the provider while it was away", f"{len(seen.sent):,}", None),
        ("of them sent once the breaker was open: probes", f"{len(probes)}", None),
        (f"shortest time between two probes (each takes {LATENCY_S} s)", f"{shortest:.2f} s", shortest >= LATENCY_S),
        ("retries on the same model, of all requests", f"{seen.retries} ({share:.1%})", share <= 0.1),
        ("slowest refusal", f"{max(failed):.2f} s", max(failed) < 1.0),
        ("slowest refusal by the open breaker", f"{skipped[-1] * 1_000:.0f} ms", skipped[-1] < 1.0),
        ("refusals without retry-after", f"{sum(call.retry_after_s is None for call in seen.failed)}", None),
        ("after the recovery, the median caller was answered within", f"{good[len(good) // 2]:.1f} s", None),
        ("after the recovery, 99 % of callers were answered within", f"{nearly_all:.1f} s", nearly_all <= back_s),
        ("after the recovery, all callers were answered within", f"{good[-1]:.1f} s", None),
    ]


def run(callers: int, seconds: float, breaker: str, after_s: float) -> Outage:
    with (
        tempfile.TemporaryDirectory() as folder,
        ScriptedProvider({"otherwise": {"latency": f"{LATENCY_S}s"}}) as provider,
        Serving(Path(folder), policy(provider.base_url("openai"), breaker)) as server,
    ):
        return asyncio.run(outage(server, provider, callers, BEFORE_S, seconds, after_s))


def report(callers: int, seconds: float, say: Callable[[str], None]) -> bool:
    """Says the whole report; whether every promise was kept."""
    say(f"# An outage of {seconds:g} s with {callers} callers\n")
    say(f"{time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}, Python {platform.python_version()}, {platform.machine()}, one process.")
    say("One model, no other tier. The provider answers 503 while it is away. Each caller asks until it is answered, and comes back when")
    say("`retry-after` says so. Read from the provider's ledger and from what callers saw; `make outage` runs it again.\n")
    kept = True
    cases = [("`breaker: {open_for: 2s}`", "{open_for: 2s}", 2.0, 5.0), ("the default breaker (`open_for: 15s`)", "", 15.0, 30.0)]
    for name, breaker, open_for_s, back_s in cases:
        found = rows(run(callers, seconds, breaker, back_s + 10), open_for_s, back_s)
        say(f"## {name}\n\n| | | promise |\n|---|---|---|")
        for what, value, good in found:
            say(f"| {what} | {value} | {'' if good is None else 'kept' if good else '**broken**'} |")
        say("")
        kept = kept and all(good is not False for _, _, good in found)
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(description="An outage of the only provider.")
    parser.add_argument("--callers", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=60.0)
    asked = parser.parse_args()
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        print(line, flush=True)

    kept = report(asked.callers, asked.seconds, say)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"outage-{time.strftime('%Y-%m-%dT%H%M%SZ', time.gmtime())}.md"
    path.write_text("\n".join(lines))
    print(f"written to {path}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
