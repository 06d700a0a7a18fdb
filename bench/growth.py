"""How the cost of an invocation grows: with rules, with the subjects of a budget, with reviews that wait. OrchVynt alone, in pairs.

Both servers of a pair run at once on one core and are loaded in turn, so that a neighbour on the machine meets both alike; what is
compared is the CPU time that each used itself for a request.
"""

import asyncio
import contextlib
import statistics
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from measure import CONNECTIONS, Load, Provider, check_arrivals
from parking import park, policy, reviewed
from processes import BenchError, Cores, last_lines, session_ns, started, wait_until_listening
from systems import Upstream, serve
from workloads import WORKLOADS, body, request, standard

SUBJECTS: Final = 10_000
RULES: Final = 10, 1_000
GREW_MAX: Final = 1.10


@dataclass(frozen=True)
class Grown:
    """CPU µs of a request with few and with many, and the median of the pairs' ratios."""

    what: str
    few_us: float
    many_us: float
    ratio: float
    pairs: int

    @property
    def holds(self) -> bool:
        return self.ratio < GREW_MAX


@dataclass(frozen=True)
class Side:
    """One of the two servers. `open_reviews` wait in it when it is measured."""

    policy: str
    headers: tuple[tuple[str, str], ...] = ()
    subjects: int = 1
    open_reviews: int = 0


def ruled(upstream: Upstream, rules: int) -> str:
    """So many rules, each to be found by an equality; the last one matches."""
    listed = [f"    - {{name: rule-{number}, when: 'workflow == \"flow-{number}\"', use: gpt-4o-mini}}" for number in range(rules - 1)]
    head, _, rest = standard(upstream).partition("  rules:\n")
    listed.append("    - {name: the-last, when: 'requested_model == \"gpt-4o\"', use: gpt-4o}")
    return "\n".join([head + "  rules:", *listed, rest[rest.index("  default:") :]])


def _by_customer(upstream: Upstream, subjects: int) -> Side:
    budget = "  - {name: by-customer, by: 'context.customer', limit: {usd: 100}, window: day, on_breach: reject}"
    text = standard(upstream).replace("budgets:\n", f"budgets:\n{budget}\n")
    return Side(text, (("x-orchvynt-context", '{"customer":"c-######"}'),), subjects)


@contextlib.contextmanager
def _running(side: Side, provider: Provider, cores: Cores) -> Iterator[Callable[[float], float]]:
    """A server that has met all its subjects, and what gives the CPU µs of a request over so many seconds of load."""
    with tempfile.TemporaryDirectory(prefix="bench-growth-") as name:
        folder, log = Path(name), Path(name) / "output.log"
        launch = serve(folder, side.policy)
        with started(launch.command, cores.system, folder, log, launch.environment) as process:
            try:
                wait_until_listening(process, launch.port, launch.start_seconds_max)
                asyncio.run(park(launch.port, range(side.open_reviews)))
                content, warm_up = body(WORKLOADS["chat-1k"], "gpt-4o"), 1.0
                asked = Load(
                    provider.load_program, launch.port, cores.load, request(launch, content, dict(side.headers)), subjects=side.subjects
                )
                # Each run of the load begins with the first subject: it is given time for all of them.
                while asked.run(CONNECTIONS, warm_up).requests < side.subjects:
                    warm_up *= 2
            except (OSError, BenchError) as failed:
                raise BenchError(f"orchvynt: {failed}\nIts last words:\n{last_lines(log)}") from failed

            def micros(seconds: float) -> float:
                arrived, (began, _) = provider.seen(), session_ns(process.pid)
                told = asked.run(CONNECTIONS, seconds)
                ran = session_ns(process.pid)[0] - began
                check_arrivals("orchvynt", told.requests, arrived, provider.seen())
                return ran / 1e3 / told.requests

            yield micros


def _compared(what: str, few: Side, many: Side, provider: Provider, cores: Cores, pairs: int, seconds: float) -> Grown:
    found: list[tuple[float, float]] = []
    with _running(few, provider, cores) as with_few, _running(many, provider, cores) as with_many:
        for number in range(pairs + 1):
            # Who comes second meets what the first one left: they take turns.
            if number % 2:
                found.append((with_few(seconds), with_many(seconds)))
            else:
                second = with_many(seconds)
                found.append((with_few(seconds), second))
    found = found[1:]  # the first pair warms up
    ratio = statistics.median(grown / small for small, grown in found)
    return Grown(what, statistics.median(one for one, _ in found), statistics.median(one for _, one in found), ratio, len(found))


def growth(provider: Provider, cores: Cores, pairs: int, seconds: float, open_reviews: int) -> Iterator[Grown]:
    """One after the other, as it is measured. Raises BenchError."""
    upstream = provider.upstream
    few, many = (Side(ruled(upstream, count)) for count in RULES)
    yield _compared(f"{RULES[0]} to {RULES[1]:,} rules", few, many, provider, cores, pairs, seconds)
    few, many = (_by_customer(upstream, count) for count in (1, SUBJECTS))
    yield _compared(f"1 to {SUBJECTS:,} budget subjects", few, many, provider, cores, pairs, seconds)
    if open_reviews:
        text = policy(upstream.port, reviewed())
        yield _compared(
            f"0 to {open_reviews:,} open reviews", Side(text), Side(text, open_reviews=open_reviews), provider, cores, pairs, seconds
        )
