"""What filing takes of the writer's thread: `python bench/filing.py`, and `--versus TREE` beside another checkout.

The two frames of a standard invocation, 64 invocations at a time, are filed into a new database as the writer does it, in batches of what
comes in while it rests. What is told is CPU time for each invocation, of the best round: all of it, and what of it each statement takes.
No frame is encoded here, and no journal is read.
"""

import argparse
import gc
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from msgspec.structs import replace
from systems import HERE

from orchvynt.adapters.journal.frames import decode_facts
from orchvynt.adapters.journal.positions import Frame
from orchvynt.adapters.sql import Query
from orchvynt.adapters.sqlite.anchor import Anchor
from orchvynt.adapters.sqlite.auditing import AuditChain
from orchvynt.adapters.sqlite.connecting import connect_writer
from orchvynt.adapters.sqlite.registering import begin
from orchvynt.adapters.sqlite.writer import BATCH_FRAMES, Filed
from orchvynt.model.facts import AnyFact

AT_ONCE = 64
BASE = 1_795_000_000_000_000_000
# As the journal has them when `bench/policy.yaml` is in force; what differs between invocations is @ (a number) and # (an instant).
BEGUN = (
    '[{"fact":"invocation_received","inv":"inv_@","at":#,"endpoint":"/v1/chat/completions","dialect":"openai_chat",'
    '"key_id":"4544960adbf89338","requested_model":"gpt-4o","stream":false,"claims":{},"policy_version":1,'
    '"policy_digest":"65933b3dbd59c8613c437756a4ba1bbbc71da888afa34478a549d13780e1b087","body_bytes":930},'
    '{"fact":"routed","inv":"inv_@","at":#,"rule":"best-for-the-rest","candidates":['
    '{"tier":1,"model":"gpt-4o","provider":"primary","why":"rule best-for-the-rest","unmeasured":["context"]},'
    '{"tier":2,"model":"claude","provider":"spare","why":"chain default","unmeasured":["context"]},'
    '{"tier":3,"model":"gpt-4o-mini","provider":"primary","why":"chain default","unmeasured":["context"]}],'
    '"chain":"default","rules":[["best-for-the-rest","matched"]],"reads":{"workload":"","requested_model":"gpt-4o","flags":[]},'
    '"passed_over":1},{"fact":"hold_placed","inv":"inv_@","at":#,"attempt":"att_@.1","tier":1,"model":"gpt-4o","reserved":['
    '{"budget":"company","subject":"*","window":1793491200000000000,"nanos":4682500,"tokens":1105,"output_tokens":256,'
    '"invocations":1,"rolls_ns":0,"ends_at":1796083200000000000}],"input_tokens_bound":849,"output_tokens_max":256,'
    '"nanos_bound":4682500},{"fact":"attempt_sent","inv":"inv_@","at":#,"attempt":"att_@.1","number":1,"tier":1,"model":"gpt-4o",'
    '"provider":"primary","upstream_model":"gpt-4o"}]'
)
ENDED = (
    '[{"fact":"attempt_ended","inv":"inv_@","at":#,"attempt":"att_@.1","outcome":"answered","duration_ns":24491116,'
    '"upstream_status":200,"response_id":"chatcmpl-9aBcDeFgHi@","response_model":"gpt-4o-2024-08-06","finish":"stop"},'
    '{"fact":"attempt_settled","inv":"inv_@","at":#,"attempt":"att_@.1","usage":{"input_tokens":187,"output_tokens":86},'
    '"nanos":1327500,"reserved":[{"budget":"company","subject":"*","window":1793491200000000000,"nanos":1327500,"tokens":273,'
    '"output_tokens":86,"invocations":1,"rolls_ns":0,"ends_at":1796083200000000000}],"price_source":"policy"},'
    '{"fact":"gate_judged","inv":"inv_@","at":#,"gate":"financial-decision","stage":"output","verdict":"passed",'
    '"reads":{"flags":[],"output.finish":"stop"}},{"fact":"answer_delivered","inv":"inv_@","at":#,"status":200,"model":"gpt-4o",'
    '"tier":1},{"fact":"invocation_finished","inv":"inv_@","at":#,"outcome":"answered","model":"gpt-4o","provider":"primary","tier":1,'
    '"nanos":1327500,"duration_ns":32923284}]'
)


class Timed:
    """A connection, and the CPU time of each statement on it by its first words."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.spent: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, statement: str, values: Sequence[Any] = ()) -> Any:
        return self._run(self._connection.execute, statement, values)

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> Any:
        return self._run(self._connection.executemany, statement, rows)

    def execute_rows(self, query: Query, width: int, values: Sequence[Any]) -> Any:
        return self._run(self._connection.execute_rows, query, width, values)

    def _run(self, run: Any, statement: str, *values: Any) -> Any:
        began = time.thread_time_ns()
        try:
            return run(statement, *values)
        finally:
            self.spent[" ".join(statement.split()[:4])] += time.thread_time_ns() - began


def frames(invocations: int) -> Iterator[Frame]:
    """Of one journal, from its beginning. As in a server, what facts of different invocations say alike is one object."""
    templates = {text: decode_facts(text.replace("#", "0").encode(), "the benchmark") for text in (BEGUN, ENDED)}
    end = (0, 0)
    for number in range(invocations + AT_ONCE):
        for text, whose in ((ENDED, number - AT_ONCE), (BEGUN, number)):
            if 0 <= whose < invocations:
                payload = text.replace("@", f"{whose:026d}").replace("#", str(BASE + number * 100_000)).encode()
                start, end = end, (0, end[1] + 8 + len(payload))
                yield Frame(start, end, payload, facts_of(templates[text], f"{whose:026d}", BASE + number * 100_000))


def facts_of(templates: Sequence[AnyFact], number: str, at: int) -> list[AnyFact]:
    inv = f"inv_{number}"
    own = {"attempt": f"att_{number}.1", "response_id": f"chatcmpl-9aBcDeFgHi{number}"}
    return [
        replace(template, inv=inv, at=at, **{name: value for name, value in own.items() if hasattr(template, name)})
        for template in templates
    ]


def filed_once(invocations: int, batch: int, split: bool) -> tuple[float, Counter[str]]:
    """µs for each invocation."""
    with tempfile.TemporaryDirectory(prefix="bench-filing-") as name:
        connection = connect_writer(Path(name) / "store.db", 1000)
        timed = Timed(connection)
        process, chain = begin(connection, "prc_bench", "bench"), AuditChain(connection, Anchor(Path(name)))
        filed = Filed(cast("Any", timed) if split else connection, Path(name) / "store.db", Path(name), process, chain)
        timed.spent.clear()
        ran, rest = 0, frames(invocations)
        while some := list(itertools.islice(rest, batch)):
            began = time.thread_time_ns()
            filed.file(some, some[-1].end)
            ran += time.thread_time_ns() - began
        connection.close()
    return ran / 1e3 / invocations, timed.spent


def beside(tree: Path, told: argparse.Namespace) -> str:
    """The same in another checkout, which need not have this file. Of each the best round counts: a neighbour makes none shorter."""
    command = [sys.executable, str(HERE / "filing.py"), "--rounds", "1", "--invocations", str(told.invocations)]
    command += ["--batch", str(told.batch)] if told.batch else []
    found: dict[Path, list[float]] = {tree: [], HERE.parent: []}
    for _ in range(told.rounds):
        for source, micros in found.items():
            environment = {**os.environ, "PYTHONPATH": str(source / "src")}
            said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
            micros.append(float(said.stdout.split()[0]))
    theirs, mine = found.values()
    middle = statistics.median(one / other for other, one in zip(theirs, mine, strict=True))
    return f"there {min(theirs):.2f}, here {min(mine):.2f} µs CPU an invocation: {min(mine) / min(theirs):.3f}, {middle:.3f} in the middle"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--invocations", type=int, default=20_000)
    options.add_argument("--batch", type=int, default=0, help="frames in one transaction; by default as the writer takes them")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--split", action="store_true", help="by statement; looking at the clock takes time, too")
    options.add_argument("--versus", type=Path, help="another checkout, in turn with this one")
    told = options.parse_args()
    if told.versus:
        print(beside(told.versus.resolve(), told))
        return
    gc.set_threshold(50_000, 20, 50)  # as the server has it
    best, spent = min(
        (filed_once(told.invocations, told.batch or BATCH_FRAMES, told.split) for _ in range(told.rounds)), key=lambda one: one[0]
    )
    print(f"{best:.2f} µs CPU an invocation")
    for statement, nanos in spent.most_common() if told.split else ():
        print(f"  {nanos / 1e3 / told.invocations:6.2f}  {statement}")
    if told.split:
        print(f"  {best - sum(spent.values()) / 1e3 / told.invocations:6.2f}  the projection, and all that is no statement")


if __name__ == "__main__":
    main()
