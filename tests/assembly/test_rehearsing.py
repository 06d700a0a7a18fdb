"""`orchvynt test` as users start it: POLICY's own examples, the exit code, and nothing of the world touched but the file itself."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree.ElementTree import parse

from tests.architecture.house import ROOT
from tests.rehearsal.policies import POLICY, with_tests

EXAMPLES = """\
tests:                                       # run by `orchvynt test`, without a network
  - name: classification never uses the expensive model
    given: {workload: classification, messages: [{role: user, content: "spam or not?"}]}
    expect: {model: gpt-4o-mini, gates: []}
  - name: an outage of openai lands on claude
    given: {model: gpt-4o, messages: [{role: user, content: hello}]}
    providers: {openai: {status: 503}}
    expect: {model: claude, tier: 2, trigger: server_error}
"""

# Whatever reaches for the network or writes a file is heard; an event loop's own pair of sockets is no network.
GUARD = """
import sys
heard = []
NETWORK = {"socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg"}
def hear(event, arguments):
    if event in NETWORK or event in {"subprocess.Popen", "os.fork", "sqlite3.connect"}:
        heard.append(event)
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        heard.append(str(arguments[0]))
sys.addaudithook(hear)
from orchvynt.assembly.main import main
sys.argv = ["orchvynt", *sys.argv[1:]]
try:
    main()
finally:
    print("HEARD", heard, file=sys.stderr)
"""


def command(*arguments: str, guard: bool = False) -> subprocess.CompletedProcess[str]:
    """A process with no secret in its environment."""
    start = ["-c", GUARD] if guard else ["-m", "orchvynt"]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([sys.executable, *start, "test", *arguments], capture_output=True, text=True, env=environment, timeout=100)


def test_the_examples_of_the_language_pass_and_touch_nothing(tmp_path: Path) -> None:
    policy = tmp_path / "orchvynt.yaml"
    policy.write_text(POLICY + EXAMPLES)
    told = command(str(policy), guard=True)
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.endswith(f"2 tests passed  {policy}\n")
    assert "\x1b" not in told.stdout
    assert told.stderr == "HEARD []\n"


def test_a_test_that_fails_fails_the_build(tmp_path: Path) -> None:
    policy, report = tmp_path / "orchvynt.yaml", tmp_path / "report.xml"
    text = with_tests({"name": "fails", "expect": {"model": "claude"}}, {"name": "passes", "expect": {"model": "gpt-4o-mini"}})
    policy.write_text(text)
    told = command(str(policy), "--junit", str(report), "--json")
    assert told.returncode == 1, told.stderr
    found = json.loads(told.stdout)
    assert [(item["name"], item["passed"]) for item in found["items"]] == [("fails", False), ("passes", True)]
    assert found["items"][0]["unmet"][0]["problem"]["file"] == str(policy)
    assert len(parse(report).getroot().findall("testsuite/testcase/failure")) == 1
    assert command(str(policy), "-k", "passes").returncode == 0


def test_a_broken_policy_fails_the_build_where_it_is_broken(tmp_path: Path) -> None:
    policy = tmp_path / "orchvynt.yaml"
    policy.write_text((POLICY + EXAMPLES).replace("expect: {model: claude,", "expect: {modle: claude,"))
    told = command(str(policy))
    assert told.returncode == 1
    line = next(number for number, line in enumerate(policy.read_text().splitlines(), 1) if "modle" in line)
    assert f"\n{policy}:{line}:14: unknown name `modle`\n" in told.stdout
