"""Two states of OrchVynt, request by request: `python bench/versus.py TREE`, TREE being another checkout (`git worktree add`).

Both run at once on one core, and the load of `make bench` goes to one and the other in turn, in short rounds, so that a neighbour on the
machine meets both alike; both are started anew several times. What is compared is the CPU time that each used itself, for each request;
the ratio is the median of the pairs.
"""

import argparse
import contextlib
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from measure import Provider, check_arrivals, load, mock_provider
from processes import BenchError, Cores, choose_cores, scheduled_ns, started, wait_until_listening
from systems import HERE, serve


@contextlib.contextmanager
def running(tree: Path, policy: Path, provider: Provider, cores: Cores) -> Iterator[tuple[int, int]]:
    """The port and process of `orchvynt serve` as it is in `tree`, with the Python of this one."""
    with tempfile.TemporaryDirectory(prefix="bench-versus-") as name:
        launch = serve(Path(name), policy.read_text().replace("127.0.0.1:18080", f"127.0.0.1:{provider.port}"))
        launch = replace(launch, environment={**launch.environment, "PYTHONPATH": str(tree / "src")})
        with started(launch.command, cores.system, Path(name), Path(name) / "output.log", launch.environment) as process:
            wait_until_listening(process, launch.port, launch.start_seconds_max)
            yield launch.port, process.pid


def micros(port: int, pid: int, provider: Provider, cores: Cores, seconds: int) -> float:
    """CPU time of one request."""
    arrived, (began, _) = provider.seen(), scheduled_ns(pid)
    told = load(provider, port, cores.load, seconds)
    ran = scheduled_ns(pid)[0] - began
    check_arrivals("orchvynt", told.requests, arrived, provider.seen())
    return ran / 1e3 / told.requests


def compared(tree: Path, policy: Path, provider: Provider, cores: Cores, rounds: int, seconds: int) -> list[tuple[float, float]]:
    """One start of both: the µs of a request there and here, round by round."""
    pairs = []
    with running(tree, policy, provider, cores) as theirs, running(HERE.parent, policy, provider, cores) as mine:
        for number in range(rounds + 1):
            # Who comes second meets what the first one left: they take turns.
            both = (theirs, mine) if number % 2 else (mine, theirs)
            found = {each: micros(*each, provider, cores, seconds) for each in both}
            pairs.append((found[theirs], found[mine]))
    return pairs[1:]  # the first round warms up


def median(pairs: list[tuple[float, float]], which: int) -> float:
    return statistics.median(pair[which] for pair in pairs)


def ratio(pairs: list[tuple[float, float]]) -> float:
    return statistics.median(mine / theirs for theirs, mine in pairs)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("tree", type=Path, help="the other checkout")
    options.add_argument("--policy", type=Path, default=HERE / "policy.yaml", help="of both, its provider at 127.0.0.1:18080")
    options.add_argument(
        "--starts", type=int, default=6, help="how often both are started: two starts of one program differ by some per cent"
    )
    options.add_argument("--rounds", type=int, default=4, help="of each start")
    options.add_argument("--seconds", type=int, default=1)
    told = options.parse_args()
    cores, pairs = choose_cores(), []
    try:
        with tempfile.TemporaryDirectory() as folder, mock_provider(Path(folder), cores.load) as provider:
            for _ in range(told.starts):
                found = compared(told.tree.resolve(), told.policy, provider, cores, told.rounds, told.seconds)
                print(f"there {median(found, 0):6.2f}, here {median(found, 1):6.2f} µs CPU a request: {ratio(found):.3f}", flush=True)
                pairs += found
    except BenchError as problem:
        print(problem, file=sys.stderr)
        return 2
    print(
        f"{len(pairs)} pairs: there {median(pairs, 0):.2f}, here {median(pairs, 1):.2f} µs; here takes {ratio(pairs):.3f} of the time there"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
