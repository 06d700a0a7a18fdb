"""The event loop of a process: uvloop where it is available, asyncio's own elsewhere."""

import asyncio
from collections.abc import Callable

event_loop: Callable[[], asyncio.AbstractEventLoop]
try:
    from uvloop import new_event_loop

    event_loop = new_event_loop
except ImportError:  # platforms without uvloop
    event_loop = asyncio.new_event_loop
