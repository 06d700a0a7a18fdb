"""All fuzz targets by name, with their seeds, their words, and what failed once. Each takes any bytes."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.fuzz.answer_targets import provider_answers, provider_streams
from tests.fuzz.ask_target import request_bodies
from tests.fuzz.coding_target import compressed_bodies
from tests.fuzz.frame_targets import newline_delimited_lines, server_sent_events
from tests.fuzz.request_target import http_requests
from tests.fuzz.response_target import http_responses

HERE: Final = Path(__file__).parent
SEEDS: Final = HERE / "seeds"
REGRESSIONS: Final = HERE / "regressions"

Target = Callable[[bytes], None]
TARGETS: Final[dict[str, Target]] = {
    target.__name__: target
    for target in (
        http_requests,
        http_responses,
        server_sent_events,
        newline_delimited_lines,
        compressed_bodies,
        request_bodies,
        provider_answers,
        provider_streams,
    )
}


def seeds(name: str) -> dict[str, bytes]:
    """Well-formed inputs, by file name."""
    return _files(SEEDS / name)


def regressions(name: str) -> dict[str, bytes]:
    """Inputs that failed once."""
    return _files(REGRESSIONS / name)


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*")) if path.is_file()}
