"""The benchmark's own promises: how a verdict is reached, what the mock provider answers and counts. It measures nothing here."""

import http.client
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"
JUDGE = """
import json, sys
from measure import Measurement
from report import ratios, summarise, table, verdict

def summary(system, rates, per_core):
    return summarise([Measurement(system, 800, 8.0, rate, per_core, 1.0, 1e6 / per_core, 1.0, 2.0, 30.0, 0.5, 800) for rate in rates])

given = json.loads(sys.stdin.read())
found = ratios({name: summary(name, *values) for name, values in given.items()})
table([summary(name, *values) for name, values in given.items()])
print(json.dumps([[each.peer, round(each.value, 3), each.holds] for each in found]))
"""


def judge(**given: tuple[list[float], float]) -> list[tuple[str, float, bool]]:
    """`given`: per system its rates by round, and its requests per CPU second."""
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(BENCH)!r})\n{JUDGE}"]
    result = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, timeout=60, check=True)
    return [(peer, value, holds) for peer, value, holds in json.loads(result.stdout)]


def test_the_median_of_the_rounds_is_judged() -> None:
    found = judge(nginx=([50_000, 60_000, 10_000], 50_000), litellm=([100, 100, 100], 100), orchvynt=([9_000, 10_000, 500], 9_000))
    assert found == [("nginx", 0.18, True), ("litellm", 90.0, True)]


def test_the_lower_ratio_counts_when_the_load_and_not_the_core_was_the_limit() -> None:
    found = judge(nginx=([20_000], 60_000), litellm=([100], 500), orchvynt=([5_000], 5_000))
    assert found == [("nginx", 0.083, False), ("litellm", 10.0, False)]


def test_without_orchvynt_there_is_nothing_to_judge() -> None:
    assert judge(nginx=([20_000], 60_000), litellm=([100], 100)) == []


def test_an_unknown_system_is_named() -> None:
    command = [sys.executable, str(BENCH / "run.py"), "--only", "nginx,apache"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2
    assert "apache is not among nginx, litellm, orchvynt" in result.stderr


@pytest.fixture(scope="module")
def mock_provider_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    program = tmp_path_factory.mktemp("mock") / "mock_provider"
    subprocess.run([compiler, "-O1", "-Wall", "-Wextra", "-Werror", "-o", str(program), str(BENCH / "mock_provider.c")], check=True)
    with subprocess.Popen([str(program)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline().split()[-1])
        finally:
            process.kill()


def test_the_mock_provider_answers_both_ways_and_counts(mock_provider_port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", mock_provider_port, timeout=20)
    for body, stream in ((b'{"stream":false}', False), (b'{"stream": true}', True), (b'{"stream":true}', True), (b"{}" * 20_000, False)):
        connection.request("POST", "/v1/chat/completions", body)
        response = connection.getresponse()
        text = response.read().decode()
        assert response.status == 200
        if stream:
            assert text.endswith("data: [DONE]\n\n")
            assert all(json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {"))
        else:
            assert json.loads(text)["usage"]["total_tokens"] == 273
            assert 800 <= len(text) <= 1000
    chunks = iter([b'{"stream"', b": 1}"])
    connection.request("POST", "/v1/chat/completions", chunks, {"transfer-encoding": "chunked"}, encode_chunked=True)
    assert json.loads(connection.getresponse().read())["object"] == "chat.completion"
    connection.request("GET", "/")
    assert json.loads(connection.getresponse().read()) == {"requests": 5, "streams": 2}
    connection.close()
