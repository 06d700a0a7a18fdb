"""The machine's table is whole, and the picture in the docs is drawn from it."""

from pathlib import Path
from typing import get_args

from orchvynt.lifecycle import events
from orchvynt.lifecycle.picture import picture
from orchvynt.lifecycle.state import Phase
from orchvynt.lifecycle.table import LATE, TABLE

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "lifecycle.md"


def test_the_picture_is_up_to_date() -> None:
    assert PAGE.read_text() == picture(), "run `make docs`"


def test_every_event_has_a_row_and_no_row_is_also_late() -> None:
    handled = {event for _, event in TABLE}
    every = set(get_args(events.AnyEvent)) - {events.Received, events.JudgedAgain}
    assert handled == every
    assert not set(TABLE) & LATE


def test_every_phase_can_be_left_by_a_shutdown_and_by_its_caller() -> None:
    for phase in set(get_args(Phase)) - {"new", "delivered", "done"}:
        assert (phase, events.ShutDown) in TABLE
        assert (phase, events.CallerGone) in TABLE
