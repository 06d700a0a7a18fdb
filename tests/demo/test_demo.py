"""`orchvynt demo` plays whole, and what it prints is true by the provider's ledger and OrchVynt's own records."""

import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

from orchvynt.scripted.ledger import Ledger


def test_the_demo_plays_whole_and_its_claims_hold(tmp_path: Path) -> None:
    environment = {**os.environ, "CI": "true"}
    command = [sys.executable, "-m", "orchvynt", "demo", "--keep", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=110, check=False)
    said = done.stdout
    assert done.returncode == 0, said + done.stderr
    assert "\x1b" not in said, "plain under CI"
    assert said.count("✓") == 20
    assert "✗" not in said
    assert "20 of 20 claims held" in said
    _check_against_ledger_and_records(said, tmp_path)


def _check_against_ledger_and_records(said: str, folder: Path) -> None:
    ledger = Ledger.read(folder / "ledger.jsonl")
    with sqlite3.connect(folder / "orchvynt.db") as store:
        rows = store.execute("SELECT run, agent, model, tier, nanos FROM invocations").fetchall()

    def of(run: str) -> list[tuple[str, int]]:
        return sorted((model, tier) for found, _, model, tier, _ in rows if found == run)

    assert of("run-1") == [("gpt-4o", 1)] * 3
    assert of("run-1-broken") == [("claude", 2)]
    assert of("run-2") == [("claude", 2)] * 3
    assert of("run-3") == [("local", 3)] * 3
    assert len(of("run-4")) == 40
    assert of("run-4-after") == [("claude", 1)]
    answered = re.search(r"of 60 calls (\d+) were answered and (\d+) refused with 402", said)
    assert answered is not None
    imports = [arrival for arrival in ledger.arrivals if arrival.last_user.startswith("Import row")]
    assert len(imports) == int(answered[1]) == 60 - int(answered[2])
    billed = [ledger.charge(arrival.n) for arrival in imports]
    tokens = sum(charge.billed.input + charge.billed.output for charge in billed if charge is not None)
    assert f"the provider billed {tokens} tokens" in said
    assert tokens <= 1_500
