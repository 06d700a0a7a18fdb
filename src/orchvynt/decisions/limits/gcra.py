"""The arithmetic of a rate limit: the generic cell rate algorithm (ITU-T I.371), in its form as a leaky bucket. Whole numbers only.

A limit of `most` items in a window of `window_ns` is a bucket that holds `most` items and leaks as many in a window, evenly. One item
is `window_ns` units and the bucket leaks `most` units each ns, so that nothing is ever rounded. Of what comes one after the other,
at most `most + most * d / window_ns` items pass in any span of d ns: the burst is the limit itself.
"""


def leaked(level: int, most: int, elapsed_ns: int) -> int:
    """The level after so much time."""
    left = level - most * elapsed_ns
    return left if left > 0 else 0


def room(level: int, most: int, window_ns: int) -> int:
    """How many whole items fit now. A bucket in debt has no room."""
    free = most * window_ns - level
    return free // window_ns if free > 0 else 0


def wait_ns(level: int, items: int, most: int, window_ns: int) -> int:
    """How long until so many items fit, if nothing else comes; 0: now. More than ever fit are let in once the bucket is empty."""
    over = level if items >= most else level + (items - most) * window_ns
    return -(-over // most) if over > 0 else 0


def empty_in_ns(level: int, most: int) -> int:
    """How long until nothing is left of what came."""
    return -(-level // most)
