"""The fuzz targets in the suite: every seed, everything that failed once, and a bounded number of edited messages, always the same ones."""

import gzip
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fuzz.coding_target import compressed_bodies
from tests.fuzz.mutations import messages
from tests.fuzz.response_target import http_responses
from tests.fuzz.targets import REGRESSIONS, SEEDS, TARGETS, regressions, seeds
from tests.fuzz.words import WORDS

_EXAMPLES = {
    "provider_streams": 250,
    "compressed_bodies": 300,
    "newline_delimited_lines": 200,
    "request_bodies": 400,
    "provider_answers": 400,
}
_EXAMPLES_OTHERWISE = 700
_BOMB_BYTES = 4_000_000


def test_every_target_has_words_and_seeds_and_nothing_else_has() -> None:
    assert set(WORDS) == set(TARGETS) == {folder.name for folder in SEEDS.iterdir()}
    assert {folder.name for folder in REGRESSIONS.iterdir()} <= set(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds(name: str) -> None:
    assert seeds(name)
    for data in seeds(name).values():
        TARGETS[name](data)


@pytest.mark.parametrize(("name", "file"), [(name, file) for name in TARGETS for file in regressions(name)])
def test_what_failed_once(name: str, file: str) -> None:
    TARGETS[name](regressions(name)[file])


@pytest.mark.parametrize("name", TARGETS)
def test_edited_messages(name: str) -> None:
    # Derandomized: the search for what nobody has seen yet is `make fuzz`; here a red test must be about the change at hand.
    @settings(
        max_examples=_EXAMPLES.get(name, _EXAMPLES_OTHERWISE),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(messages(list(seeds(name).values()), WORDS[name]))
    def run(data: bytes) -> None:
        TARGETS[name](data)

    run()


@pytest.mark.parametrize("bomb", [gzip.compress(bytes(_BOMB_BYTES), mtime=0), zlib.compress(bytes(_BOMB_BYTES))], ids=["gzip", "deflate"])
def test_bombs(bomb: bytes) -> None:
    compressed_bodies(bomb)
    http_responses(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n%b" % (len(bomb), bomb))


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(
    st.sampled_from(
        [
            b"HTTP/1.1 200 OK\r\nx: ",
            b"HTTP/1.1 ",
            b"HTTP/1.1 200 ",
            b"HTTP/1.1 100 \r\nx: ",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;a=",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: ",
        ]
    ),
    st.sampled_from([b"a", b"\r\nb: c", b"\r\n\r\nHTTP/1.1 100 \r\nx: "]),
    st.integers(1_000, 40_000),
)
def test_lines_without_end(start: bytes, more: bytes, size: int) -> None:
    http_responses(start + more * (size // len(more)))
