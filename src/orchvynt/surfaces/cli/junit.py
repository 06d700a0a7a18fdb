"""Writes the tests of a policy as JUnit XML, for CI systems: the part of the format that Ant's and Jenkins's schemas share.

Sources: github.com/windyroad/JUnit-Schema (JUnit.xsd), github.com/jenkinsci/xunit-plugin (junit-10.xsd). A test has at most one
`failure`, because readers keep one.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from orchvynt.surfaces.cli.plain import printable
from orchvynt.surfaces.rehearsed import Rehearsal, Rehearsed

SUITE: Final = "orchvynt"
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# XML 1.0, section 2.2: what may not stand in a document, not even escaped.
_NOT_XML: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(run: Rehearsal, at: int) -> bytes:
    """`at` is when the tests were run, in nanoseconds UTC. Times are seconds of virtual time."""
    broken = [problem.text for problem in run.problems if problem.severity == "error"]
    when = (EPOCH + timedelta(microseconds=at // 1_000)).strftime("%Y-%m-%dT%H:%M:%S")
    root = Element("testsuites")
    suite = SubElement(
        root,
        "testsuite",
        {
            "id": "0",
            "package": SUITE,
            "name": _text(run.file) or SUITE,
            "timestamp": when,
            "hostname": "localhost",
            "tests": str(len(run.items) + bool(broken)),
            "failures": str(run.failures),
            "errors": str(int(bool(broken))),
            "skipped": "0",
            "time": _seconds(sum(item.duration_ms for item in run.items)),
        },
    )
    SubElement(suite, "properties")
    if broken:
        case = SubElement(suite, "testcase", {"name": "the policy is valid", "classname": SUITE, "time": "0.000"})
        _add(case, "error", "policy_invalid", broken[0].partition("\n")[0], broken)
    for item in run.items:
        _case(suite, item)
    SubElement(suite, "system-out")
    SubElement(suite, "system-err")
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'.encode()


def _case(suite: Element, item: Rehearsed) -> None:
    case = SubElement(suite, "testcase", {"name": _text(item.name), "classname": SUITE, "time": _seconds(item.duration_ms)})
    if not item.passed:
        said = [one.problem.text for one in item.unmet]
        _add(case, "failure", "expectation", "; ".join(one.problem.message for one in item.unmet), [*said, item.verdict])


def _add(case: Element, tag: str, kind: str, message: str, lines: Sequence[str]) -> None:
    found = SubElement(case, tag, {"type": kind, "message": _text(message)})
    found.text = _text("\n".join(lines), lines=True)


def _seconds(milliseconds: float) -> str:
    return f"{milliseconds / 1_000:.3f}"


def _text(text: str, lines: bool = False) -> str:
    return _NOT_XML.sub("\ufffd", printable(text, lines))
