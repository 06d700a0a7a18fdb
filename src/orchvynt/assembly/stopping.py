"""How a process that serves comes to its end: at a stop, or because another one has taken its place."""

import asyncio

from orchvynt.assembly.build import Process
from orchvynt.assembly.machine import say
from orchvynt.lifecycle import events
from orchvynt.lifecycle.state import PARKED
from orchvynt.surfaces.api.http.server import HttpServer

# Requests that were on their way when the stop came, and connections that were not yet accepted, are still served: until none came
# for so long, and for so long at most.
LAST_CALL_S = 0.25
LAST_CALL_MAX_S = 2.0
# What is left of the drain for streams to say that they were cut.
LAST_WORDS_S = 2.0
_LOOK_S = 0.05


async def stop(process: Process, replaced: bool) -> None:
    """Not ready; serve what was on its way; finish what is open, bounded, while new invocations are refused in words; cut what is
    left, visibly; settle. One that is `replaced` refuses nothing: it takes no new connection, and whoever still speaks on an old one is
    answered, and told to take another."""
    seconds = process.settings.drain_seconds
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    process.tasks.start(process.succession.drain(), "draining")
    process.server.close_after_answers()
    if replaced:
        say("another worker takes over: finishing what is open")
        process.server.accept_no_more()
        await _last_call(process.server, min(LAST_CALL_MAX_S, seconds))
        process.server.close_idle()
        while (process.server.connections_open or _working(process)) and loop.time() < until:
            await asyncio.sleep(_LOOK_S)
            process.server.close_idle()
    else:
        process.data_plane.ready = False
        say("stopping: finishing what is open")
        await _last_call(process.server, min(LAST_CALL_MAX_S, seconds))
        process.data_plane.draining = True
        while _working(process) and loop.time() < until:  # noqa: ASYNC110 - lives end in many places, and none knows of the stop
            await asyncio.sleep(_LOOK_S)
    clock = process.clock
    for life in list(process.carrier.lives.values()):
        exchange = life.exchange
        process.carrier.feed(
            life,
            events.ShutDown(
                clock.now(), clock.monotonic(), exchange.seen if exchange else None, exchange.delivered_bytes if exchange else 0
            ),
        )
    process.reviewing.end_polls()
    await process.server.drain(max(LAST_WORDS_S, until - loop.time()))


async def _last_call(server: HttpServer, most_s: float) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + most_s
    came = -1
    while came != server.connections_total + server.requests_total and loop.time() < until:
        came = server.connections_total + server.requests_total
        await asyncio.sleep(min(LAST_CALL_S, most_s))


def _working(process: Process) -> bool:
    """Whether anything is open that can still end by itself; what is in review stays parked."""
    return any(life.state.phase not in PARKED and life.state.phase != "done" for life in process.carrier.lives.values())
