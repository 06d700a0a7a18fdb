"""How many callers fit into the files that a process may have open."""

import resource
from collections.abc import Iterator

import pytest

from orchvynt.assembly.descriptors import connections, open_files


@pytest.fixture
def limits() -> Iterator[tuple[int, int]]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(("files", "fit"), [(1_024, 384), (20_000, 9_872), (1 << 30, 16_384), (64, 1)])
def test_each_caller_may_need_another_file(files: int, fit: int) -> None:
    assert connections(files, 16_384) == fit


def test_as_many_as_are_allowed(limits: tuple[int, int]) -> None:
    _, hard = limits
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    assert open_files() == (hard if hard != resource.RLIM_INFINITY else 1 << 30)
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == hard
    assert open_files() == (hard if hard != resource.RLIM_INFINITY else 1 << 30), "asked again it says the same"
