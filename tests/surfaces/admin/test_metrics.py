"""The page that Prometheus scrapes: who may, what it says, and that it is text which Prometheus's own parser reads."""

import asyncio
import os

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.support.recount import shown
from tests.surfaces.world import SECRETS, World

from orchvynt.runtime import metrics as m
from orchvynt.runtime.metrics import Sampled
from orchvynt.runtime.series import Histogram, Series
from orchvynt.surfaces.admin.exposition import page

AWKWARD = 'a "quoted" \\ name\nof two lines, ünïcode'


def some() -> list[Sampled]:
    invocations, cost, duration = Series(m.INVOCATIONS), Series(m.COST), Histogram(m.ATTEMPT_DURATION)
    invocations.add(("answered", AWKWARD, "openai", "", "openai_chat"), 3)
    cost.add(("gpt", "openai"), 1_234_567_890)
    for ns in (1, 10_000_000, 10_000_001, 400_000_000_000):
        duration.observe(("gpt", "openai"), ns)
    return [one.sampled() for one in (invocations, cost, duration)]


def test_the_page_is_what_was_sampled(world: World) -> None:
    world.sampled = some()
    answer = world.ask("GET", "/metrics", "viewer", prefix="")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    found = shown(answer.body.decode())
    assert found["orchvynt_invocations_total", "openai_chat", AWKWARD, "answered", "openai", ""] == 3
    assert found["orchvynt_cost_usd_total", "gpt", "openai"] == pytest.approx(1.23456789)
    name = "orchvynt_attempt_duration_seconds"
    assert [found[f"{name}_bucket", bound, "gpt", "openai"] for bound in ("0.01", "0.02", "300.0", "+Inf")] == [2, 3, 3, 4]
    assert found[f"{name}_sum", "gpt", "openai"] == pytest.approx(400.020000002)
    assert found["process_resident_memory_bytes",] > 1_000_000
    assert {key[0] for key in found if key[0].startswith("process_")} == set(m.PROCESS)


@pytest.mark.parametrize("role", ["", "wrong-token", *SECRETS])
def test_who_may_scrape(world: World, role: str) -> None:
    answer = world.ask("GET", "/metrics", role, prefix="")
    assert answer.status == (200 if role in SECRETS else 401)
    if answer.status == 401:
        assert (answer.error["code"], answer.headers["www-authenticate"]) == ("unauthorized", "Bearer")


def test_what_is_asked_wrongly_is_refused(world: World) -> None:
    ask = world.ask
    assert ask("GET", "/metrics", prefix="", headers={"host": "evil.example"}).error["code"] == "forbidden"
    assert ask("GET", "/metrics?name=x", prefix="").error["code"] == "invalid_request"
    assert ask("POST", "/metrics", prefix="", body={}).status == 405
    assert ask("GET", "/metrics/", prefix="").status == 404
    assert ask("GET", "/metrics").status == 404, "it stands outside of /api/v1"
    head = ask("HEAD", "/metrics", prefix="")
    assert (head.status, head.body) == (200, b"")


def test_a_policy_that_wants_none_is_told(world: World) -> None:
    world.control.metrics = False
    answer = world.ask("GET", "/metrics", prefix="")
    assert (answer.status, answer.error["code"]) == (404, "not_found")
    assert "telemetry: {metrics: false}" in answer.error["message"]


def test_the_api_document_has_it(world: World) -> None:
    operation = world.ask("GET", "/openapi.json").json["paths"]["/metrics"]["get"]
    assert operation["x-orchvynt-role"] == "viewer"
    assert operation["responses"]["200"]["content"] == {"text/plain; version=0.0.4; charset=utf-8": {"schema": {"type": "string"}}}


def test_a_long_page_is_whole_and_lets_others_through() -> None:
    """A metric is cut into slices; its meaning stands once, and between the slices the loop does other work."""
    attempts, duration = Series(m.ATTEMPTS), Histogram(m.ATTEMPT_DURATION)
    for number in range(m.SERIES_MAX):
        attempts.add((f"model-{number}", "openai", "answered"), number)
    for number in range(m.HISTOGRAM_SERIES_MAX):
        duration.observe((f"model-{number}", "openai"), number)

    async def both() -> tuple[bytes, int]:
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(others())
        written = await page([attempts.sampled(), duration.sampled()], [os.getpid()])
        task.cancel()
        return written, turns

    written, turns = asyncio.run(both())
    text = written.decode()
    assert turns >= 30
    assert text.count("# TYPE orchvynt_attempts_total ") == text.count("# HELP orchvynt_attempt_duration_seconds ") == 1
    found = shown(text)
    assert sum(key[0] == "orchvynt_attempts_total" for key in found) == m.SERIES_MAX
    assert all(found["orchvynt_attempts_total", f"model-{number}", "answered", "openai"] == number for number in range(m.SERIES_MAX))
    assert sum(key[0] == "orchvynt_attempt_duration_seconds_count" for key in found) == m.HISTOGRAM_SERIES_MAX


def test_a_metric_without_series_is_still_explained() -> None:
    sampled = [Series(metric).sampled() if not metric.bounds else Histogram(metric).sampled() for metric in m.METRICS]
    written = asyncio.run(page(sampled, [os.getpid()]))
    families = {family.name: family for family in text_string_to_metric_families(written.decode())}
    for metric in m.METRICS:
        family = families[metric.name.removesuffix("_total")]
        assert (family.type, family.documentation, family.samples) == (metric.kind, metric.meaning, [])


def test_what_the_server_loads_for_the_data_plane_has_no_prometheus_client() -> None:
    import subprocess
    import sys

    code = "import sys; import orchvynt.assembly.build, orchvynt.assembly.serve; print('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout.strip() == "False"
