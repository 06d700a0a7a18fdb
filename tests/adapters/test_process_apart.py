"""Processes that work apart: they end with whoever asks them, whatever they do, also in the moment in which they are being started."""

import io
import sys
import threading

import pytest

from orchvynt.adapters.process_apart import ProcessApart, read_exactly

HANGS = (sys.executable, "-c", "import time; time.sleep(600)")
SPEAKS = (sys.executable, "-c", "import sys; sys.stdout.write('ready'); sys.stdout.flush(); import time; time.sleep(600)")


def test_closing_ends_what_hangs_and_the_thread_that_waits_for_it() -> None:
    apart = ProcessApart("test")
    heard: list[bytes] = []
    waits = threading.Event()

    def work() -> None:
        child = apart.start(HANGS)
        assert child.stdout is not None
        waits.set()
        heard.append(child.stdout.read())

    apart.submit(work)
    assert waits.wait(60)
    child = apart.running
    assert child is not None
    apart.close()
    assert child.returncode == -9
    assert heard == [b""]
    assert apart.running is None


def test_nothing_is_started_behind_the_end() -> None:
    """Work that stands on the thread when it is closed, and begins only then, finds that out."""
    apart = ProcessApart("test")
    closing, said = threading.Event(), []

    def work() -> None:
        assert closing.wait(60)
        # It is closed before the thread is waited for.
        while not apart.closed:
            pass
        try:
            apart.start(HANGS)
        except OSError as error:
            said.append(str(error))

    apart.submit(work)
    closing.set()
    apart.close()
    assert said == ["this server stops"]
    assert apart.running is None


def test_a_start_takes_the_place_of_the_one_before() -> None:
    apart = ProcessApart("test")
    first = apart.start(HANGS)
    second = apart.start(SPEAKS)
    assert first.returncode == -9
    assert second.stdout is not None
    assert read_exactly(second.stdout, 5) == b"ready"
    apart.end()
    assert second.returncode == -9
    apart.end()
    apart.close()


def test_reading_goes_on_over_short_reads_and_knows_an_early_end() -> None:
    class Drop(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(2, size or 0))

    assert read_exactly(Drop(b"abcdefg"), 5) == b"abcde"
    with pytest.raises(EOFError):
        read_exactly(Drop(b"abc"), 4)
