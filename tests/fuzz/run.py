"""`make fuzz`: every target for some time under atheris, with progress, and a report. What fails is put among the regressions."""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.fuzz.report import Run, commit, page, read_status
from tests.fuzz.targets import REGRESSIONS, SEEDS, TARGETS
from tests.fuzz.words import WORDS

ROOT: Final = Path(__file__).parents[2]
CORPUS: Final = ROOT / ".fuzz"
_TOLD_EVERY_SECONDS: Final = 15.0
_INPUT_BYTES_MAX: Final = 4_096
_RSS_MB_MAX: Final = 2_048
_WHY_CHARS_MAX: Final = 4_000
# As libFuzzer names them; a regression gets a name that says what was wrong.
_FAILURES: Final = "[a-z]*-????????????????????????????????????????"
_ONE_INPUT_SECONDS_MAX: Final = 20


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="for each target (default 1)")
    parser.add_argument("--only", nargs="+", choices=list(TARGETS), default=list(TARGETS), metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--report", type=Path, metavar="FOLDER", help="write a dated page there, e.g. docs/reports")
    return parser.parse_args(given)


def run(name: str, seconds: int) -> Run:
    """One target until its time is over or something fails."""
    corpus, found = CORPUS / name, REGRESSIONS / name
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(parents=True, exist_ok=True)
    before = set(found.glob(_FAILURES))
    with tempfile.NamedTemporaryFile("w", suffix=".dict") as words:
        words.writelines(f'"{_escaped(word)}"\n' for word in WORDS[name])
        words.flush()
        options = [
            f"-max_total_time={seconds}", f"-artifact_prefix={found}/", f"-dict={words.name}", f"-max_len={_INPUT_BYTES_MAX}",
            f"-timeout={_ONE_INPUT_SECONDS_MAX}", f"-rss_limit_mb={_RSS_MB_MAX}", "-print_final_stats=1", str(corpus), str(SEEDS / name),
        ]  # fmt: skip
        log, code = _follow(name, [sys.executable, "-m", "tests.fuzz.drive", name, *options])
    new = sorted(set(found.glob(_FAILURES)) - before)
    if not any(found.iterdir()):
        found.rmdir()
    if code and not new:
        raise SystemExit(f"{name} did not run (exit code {code}):\n{log[-4_000:]}")
    if new:
        why = log[max(log.find("=== Uncaught"), 0) :]
        print(
            f"\n{why[:_WHY_CHARS_MAX]}\n{name}: failed; the input is {', '.join(str(path.relative_to(ROOT)) for path in new)}", flush=True
        )
    return Run(name, seconds, read_status(log), tuple(path.name for path in new))


def _escaped(word: bytes) -> str:
    """As libFuzzer's dictionaries write it."""
    return "".join([f"\\x{byte:02x}" for byte in word])


def _follow(name: str, command: list[str]) -> tuple[str, int]:
    """Runs it, and says now and then how far it is. Gives its log and exit code."""
    lines: list[str] = []
    told = time.monotonic()
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True, errors="replace") as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            now = time.monotonic()
            if line.startswith("#") and now - told >= _TOLD_EVERY_SECONDS:
                told = now
                print(f"{name:<24} {read_status(line)}", flush=True)
    return "".join(lines), process.returncode


def main(given: Sequence[str] | None = None) -> int:
    options = arguments(given)
    begun, at = datetime.now(UTC), commit()
    runs: list[Run] = []
    for name in options.only:
        runs.append(run(name, round(options.minutes * 60)))
        print(f"{name:<24} {runs[-1].status}{'  FAILED' if runs[-1].failed else '  ok'}", flush=True)
    if options.report:
        options.report.mkdir(parents=True, exist_ok=True)
        path = options.report / f"fuzz-{begun:%Y-%m-%dT%H%M%SZ}.md"
        path.write_text(page(begun, at, runs), encoding="utf-8")
        print(f"Written to {path}")
    return 1 if any(each.failed for each in runs) else 0


if __name__ == "__main__":
    sys.exit(main())
