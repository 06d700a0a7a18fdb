"""Recall and precision on public data stay above their floors."""

import pytest
from tests.detectors.measuring import FLOORS, SOURCES, Measure, measured

MEASURED = measured()


@pytest.mark.parametrize("one", MEASURED, ids=[f"{one.kind}-{one.source}" for one in MEASURED])
def test_what_is_found_stays_above_its_floor(one: Measure) -> None:
    recall, precision = FLOORS.get(one.kind, (1.0, 1.0))
    assert one.recall >= recall, one
    assert one.precision >= precision, one


def test_every_floor_and_every_source_is_measured() -> None:
    assert set(FLOORS) <= {one.kind for one in MEASURED}
    assert {one.source for one in MEASURED} == set(SOURCES)
