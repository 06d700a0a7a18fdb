"""Alerts, examples and the dashboard ask for what is there: each metric and label of an expression is declared."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.architecture.house import ROOT
from tests.support.promql import PromqlError, read

from orchvynt.runtime.metrics import METRICS, PROCESS

ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yaml"
DASHBOARD = ROOT / "deploy" / "grafana" / "orchvynt.json"
GUIDE = ROOT / "docs" / "how-to" / "watch-with-prometheus.md"
FROM_PROMETHEUS = {"job", "instance"}


def declared() -> dict[str, set[str]]:
    """Every name that a query may read, with its labels."""
    names: dict[str, set[str]] = {"up": set(), **{name: set() for name in PROCESS}}
    for metric in METRICS:
        labels = {label.name for label in metric.labels}
        if metric.kind == "histogram":
            names |= {f"{metric.name}_bucket": {*labels, "le"}, f"{metric.name}_sum": labels, f"{metric.name}_count": labels}
        else:
            names[metric.name] = labels
    return names


def alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]


def examples() -> list[str]:
    blocks = re.findall(r"^```promql\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line and not line.startswith("#")]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return found


def expressions() -> list[str]:
    shown = [target["expr"] for panel in panels() for target in panel["targets"]]
    return [*(rule["expr"] for rule in alerts()), *examples(), *shown]


@pytest.mark.parametrize("expression", expressions())
def test_an_expression_reads_what_is_declared(expression: str) -> None:
    known = declared()
    reading = read(expression)
    assert reading.metrics
    for name, labels in reading.metrics.items():
        assert name in known, f"{name} is no metric"
        assert labels <= known[name] | FROM_PROMETHEUS, f"{name} has no label {labels - known[name]}"
    assert reading.grouped <= set().union(*(known[name] for name in reading.metrics)) | FROM_PROMETHEUS


def test_counters_are_read_as_rates_and_gauges_are_not() -> None:
    counters = {metric.name for metric in METRICS if metric.kind == "counter"} | {
        f"{m.name}_bucket" for m in METRICS if m.kind == "histogram"
    }
    for expression in expressions():
        for name in read(expression).metrics:
            rated = re.search(rf"(?:rate|increase)\({name}(?:{{[^}}]*}})?\[", expression) is not None
            assert rated == (name in counters), f"{name} in {expression}"


def test_alerts_are_whole_and_the_guide_says_what_to_do() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    known = declared()
    assert 6 <= len(alerts()) <= 12
    for rule in alerts():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert f"| `{rule['alert']}` | " in guide
        kept = read(rule["expr"]).grouped or set().union(*(known[name] for name in read(rule["expr"]).metrics))
        assert set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])) <= kept | FROM_PROMETHEUS


def test_the_guide_scrapes_as_the_server_serves() -> None:
    block = re.search(r"^```yaml\n(scrape_configs:.*?)^```", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert block is not None
    [job] = yaml.safe_load(block.group(1))["scrape_configs"]
    assert (job["job_name"], job["static_configs"][0]["targets"]) == ("orchvynt", ["127.0.0.1:4822"])
    assert set(job["authorization"]) == {"credentials_file"}
    assert 'job="orchvynt"' in next(rule["expr"] for rule in alerts() if "up{" in rule["expr"])


def test_the_dashboard_is_whole() -> None:
    ids = [panel["id"] for panel in panels()]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels()]
    assert len(set(ids)) == len(set(places)) == len(panels()) >= 10
    assert all(panel["targets"] and panel["title"] for panel in panels())


@pytest.mark.parametrize("wrong", ["sum(rate(x[5m])", "x{a}", "rate", "x ? y", "x)"])
def test_the_reader_of_expressions_refuses_what_it_does_not_know(wrong: str) -> None:
    with pytest.raises(PromqlError):
        read(wrong)


def test_the_page_names_every_metric() -> None:
    page = Path(ROOT, "docs", "reference", "metrics.md").read_text(encoding="utf-8")
    assert {metric.name for metric in METRICS if f"| `{metric.name}` | {metric.kind} |" not in page} == set()
