"""Finds objects of ours that hold one another when nobody else holds them: only the garbage collector ends those, late or never."""

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

OWN = "orchvynt."


@contextmanager
def no_circles() -> Iterator[None]:
    """What is made and dropped within is gone by its last reference. The body's own names are the test's to drop."""
    gc.collect()
    gc.disable()
    try:
        yield
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert not [name for name in left if name.startswith(OWN)], left
