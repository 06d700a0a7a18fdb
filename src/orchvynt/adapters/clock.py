"""The machine's clocks. The only module that reads them; everything else is told the instant."""

import time


class SystemClock:
    """Implements ports.clock.Clock without a Python frame per call: both are the C functions themselves."""

    now = staticmethod(time.time_ns)
    monotonic = staticmethod(time.monotonic_ns)


cpu_time = time.thread_time_ns
"""For how long the calling thread has computed, in nanoseconds since an arbitrary start."""
