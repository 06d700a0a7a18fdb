"""`orchvynt test`: a table for people, JSON and JUnit for programs, and the exit code for CI."""

import io
import json
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

import pytest
from tests.surfaces.cli.shell import NOW, rehearse, run

from orchvynt.language.problems import Problem
from orchvynt.surfaces.cli import junit
from orchvynt.surfaces.cli.terminal import Terminal
from orchvynt.surfaces.cli.testing import show
from orchvynt.surfaces.rehearsed import Rehearsal

POLICY = "- an outage lands on claude: passed\n- Gates hold: failed\n- a budget refuses: passed\n"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def test_failures_are_shown_at_their_place_with_the_verdict(policy: Path) -> None:
    told = run("test", str(policy))
    assert told.exit_code == 1
    assert told.stdout == (
        "TEST                       RESULT  WHAT HAPPENED\n"
        "an outage lands on claude  passed  Asked auto; got gpt-4o from openai; $0.001.\n"
        "Gates hold                 FAILED  Asked auto; got gpt-4o from openai; $0.001.\n"
        "a budget refuses           passed  Asked auto; got gpt-4o from openai; $0.001.\n"
        "\n"
        f"{policy}:2:9: `model` is gpt-4o, expected claude\n"
        "    claude\n"
        "    ^^^^^^\n"
        "  verdict: Asked auto; got gpt-4o from openai; $0.001.\n"
        "\n"
        f"1 of 3 tests failed  {policy}\n"
    )
    assert told.stderr == ""


def test_a_name_chooses_tests_in_any_case(policy: Path) -> None:
    told = run("test", str(policy), "-k", "BUDGET")
    assert (told.exit_code, told.stdout.splitlines()[-1]) == (0, f"1 test passed  {policy}")
    assert "claude" not in told.stdout


def test_a_name_that_fits_no_test_is_a_failure(policy: Path) -> None:
    told = run("test", str(policy), "-k", "nothing")
    assert told.exit_code == 1
    assert "No test of" in told.stderr
    assert "'nothing'" in told.stderr


def test_a_policy_without_tests_says_so_and_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("version: 1\n")
    told = run("test", str(tmp_path / "p.yaml"))
    assert (told.exit_code, told.stdout) == (0, f"{tmp_path / 'p.yaml'} has no tests.\n")


def test_a_broken_policy_runs_no_test_and_is_told_as_validate_tells_it(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("modles: {}\n- one: passed\n")
    told, validated = run("test", str(path)), run("validate", str(path))
    assert told.exit_code == 1
    assert told.stdout == validated.stdout
    assert f"{path}:1:1: unknown field `modles`" in told.stdout
    assert "no test was run" in told.stderr


def test_warnings_do_not_fail_a_test_run(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("discouraged: 1\n- one: passed\n")
    told = run("test", str(path))
    assert told.exit_code == 0
    assert "warning: this is discouraged" in told.stdout


def test_a_file_that_is_not_there_is_refused() -> None:
    told = run("test", "/nonexistent/p.yaml")
    assert (told.exit_code, told.stdout) == (1, "")
    assert "cannot be read" in told.stderr


def test_the_policy_may_come_from_standard_input() -> None:
    told = run("test", "-", stdin=POLICY)
    assert told.exit_code == 1
    assert "<stdin>:2:9: " in told.stdout


def test_json_is_what_the_schema_says(policy: Path) -> None:
    told = run("test", str(policy), "--json")
    found = json.loads(told.stdout)
    assert told.exit_code == 1
    assert (found["passed"], found["left_out"], found["next"]) == (False, 0, None)
    assert [(item["name"], item["passed"]) for item in found["items"]] == [
        ("an outage lands on claude", True), ("Gates hold", False), ("a budget refuses", True),
    ]  # fmt: skip
    (unmet,) = found["items"][1]["unmet"]
    assert (unmet["expectation"], unmet["expected"], unmet["happened"]) == ("model", "claude", "gpt-4o")
    assert (unmet["problem"]["line"], unmet["problem"]["column"]) == (2, 9)


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_colours() -> None:
    screen = Screen()
    show(Terminal({"TERM": "xterm-256color", "COLUMNS": "120"}, NOW, screen, screen), rehearse(POLICY, "p.yaml", lambda _: True))
    assert "\x1b[32mpassed" in screen.getvalue()
    assert "\x1b[31mFAILED" in screen.getvalue()


# JUnit XML. What Ant's schema (windyroad/JUnit-Schema) demands; Jenkins's (junit-10.xsd) allows all of it.
SUITE = {"name", "timestamp", "hostname", "tests", "failures", "errors", "time", "id", "package"}
CASE = {"name", "classname", "time"}


def follows_the_schema(root: Element) -> Element:
    assert (root.tag, root.attrib) == ("testsuites", {})
    (suite,) = root
    assert suite.tag == "testsuite"
    assert set(suite.attrib) >= SUITE
    assert set(suite.attrib) <= SUITE | {"skipped"}
    tags = [child.tag for child in suite]
    assert tags == ["properties", *["testcase"] * (len(tags) - 3), "system-out", "system-err"]
    cases = suite.findall("testcase")
    assert int(suite.attrib["tests"]) == len(cases)
    for kind in ("failure", "error"):
        assert int(suite.attrib[f"{kind}s"]) == len(suite.findall(f"testcase/{kind}"))
    for case in cases:
        assert set(case.attrib) == CASE
        assert float(case.attrib["time"]) >= 0
        assert [child.tag for child in case] in ([], ["failure"], ["error"])
        assert all(set(child.attrib) == {"type", "message"} for child in case)
    return suite


def test_junit_has_a_case_for_each_test(policy: Path, tmp_path: Path) -> None:
    told = run("test", str(policy), "--junit", str(tmp_path / "out.xml"))
    assert told.exit_code == 1
    suite = follows_the_schema(fromstring((tmp_path / "out.xml").read_bytes()))
    assert suite.attrib["name"] == str(policy)
    assert suite.attrib["timestamp"] == "2026-01-01T01:00:00"
    assert [case.attrib["name"] for case in suite.findall("testcase")] == ["an outage lands on claude", "Gates hold", "a budget refuses"]
    assert suite.attrib["time"] == "0.750"
    (failure,) = suite.findall("testcase/failure")
    assert failure.attrib["message"] == "`model` is gpt-4o, expected claude"
    assert failure.text is not None
    assert failure.text.startswith(f"{policy}:2:9: `model` is gpt-4o, expected claude\n")
    assert failure.text.endswith("Asked auto; got gpt-4o from openai; $0.001.")


def test_junit_of_a_broken_policy_is_an_error() -> None:
    problems = (Problem("p.yaml", 3, 4, "unknown name `x`"), Problem("p.yaml", 1, 1, "hm", severity="warning"))
    suite = follows_the_schema(fromstring(junit.document(Rehearsal("p.yaml", False, problems, ()), NOW)))
    (error,) = suite.findall("testcase/error")
    assert (error.attrib["message"], error.text) == ("p.yaml:3:4: unknown name `x`", "p.yaml:3:4: unknown name `x`")


def test_junit_without_tests_is_an_empty_suite() -> None:
    suite = follows_the_schema(fromstring(junit.document(Rehearsal("p.yaml", True, (), ()), NOW)))
    assert suite.attrib["tests"] == "0"


@pytest.mark.parametrize("name", ["<&\"'>", "nul \x00 bell \x07", "bidi \u202e end", "\ufffe", "\ud800"])
def test_junit_holds_whatever_a_name_holds(name: str) -> None:
    made = rehearse(f"- {name}: failed", "p.yaml", lambda _: True)
    suite = follows_the_schema(fromstring(junit.document(made, NOW)))
    assert len(suite.findall("testcase/failure")) == 1


def test_a_junit_file_that_cannot_be_written_is_a_failure(policy: Path) -> None:
    told = run("test", str(policy), "-k", "budget", "--junit", "/nonexistent/out.xml")
    assert told.exit_code == 1
    assert "/nonexistent/out.xml cannot be written" in told.stderr
