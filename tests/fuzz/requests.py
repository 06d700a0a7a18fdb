"""The server's connection fed with arbitrary bytes, and what it made of them. The reference and the comparison stand apart."""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from tests.fuzz.transport import PaperTransport

from orchvynt.model.faults import Fault
from orchvynt.surfaces.api.http.connection import Connection
from orchvynt.surfaces.api.http.house import Crowd, Guest
from orchvynt.surfaces.api.http.limits import Limits
from orchvynt.surfaces.api.http.line import Line
from orchvynt.surfaces.api.http.request import Request

LIMITS = Limits(header_bytes_max=8_192, header_fields_max=32, body_bytes_max=16_384, pipelined_bytes_max=1_024)


class Seen(NamedTuple):
    """One request as it was handed on: path decoded, names in lower case, values without blanks around them."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    keep_alive: bool
    http_1_0: bool


class Outcome(NamedTuple):
    """What a connection made of its bytes. `refusal` is the code of the fault that ended it."""

    seen: list[Seen]
    refusal: str
    answered: int
    closed: bool


class PaperHouse:
    """Implements `House`: answers each request with an empty 200, at once, or only when `answer_one` says so."""

    def __init__(self, late: bool) -> None:
        self.limits = LIMITS
        self.draining = False
        self.date = b""
        self.requests_open = 0
        self.requests_total = 0
        self.seen: list[Seen] = []
        self.refusals: list[Fault] = []
        self._late = late
        self._lines: deque[Line] = deque()
        self.handle: Callable[[Request, Line], None] = self._take
        self.monotonic: Callable[[], int] = lambda: 0
        self.refuse: Callable[[Fault], bytes] = lambda fault: fault.code.encode()

    def opened(self, guest: Guest) -> Crowd:
        return "welcome"

    def closed(self, guest: Guest) -> None:
        pass

    def refused(self, fault: Fault) -> None:
        self.refusals.append(fault)

    def answer_one(self) -> bool:
        """Whether somebody waited for an answer."""
        if not self._lines:
            return False
        self._lines.popleft().answer(200, (), b"")
        return True

    def _take(self, request: Request, line: Line) -> None:
        headers = tuple((name, value.strip(b" \t")) for name, value in request.headers)
        method, path, query = request.method, request.path, request.query
        self.seen.append(Seen(method, path, query, headers, request.body, request.keep_alive, request.http_1_0))
        self._lines.append(line)
        if not self._late:
            self.answer_one()


def serve(parts: list[bytes], late: bool) -> Outcome:
    """One connection from its first byte to the end of the caller's side. `late`: answers come after the next bytes do."""
    house, transport = PaperHouse(late), PaperTransport()
    connection = Connection(house)
    connection.connection_made(transport)
    for part in parts:
        while not transport.reading and house.answer_one():
            pass
        assert transport.reading or transport.closing, "nobody will read on"
        if transport.closing:
            break
        connection.data_received(part)
        assert len(house.refusals) <= 1, "refused twice"
    while house.answer_one():
        pass
    assert house.requests_open == 0, "a request was lost"
    refusal = house.refusals[0].code if house.refusals else ""
    assert not refusal or transport.ended or transport.closing, "refused, and the connection stays open"
    outcome = Outcome(house.seen, refusal, transport.written.count(b"HTTP/1.1 200 "), transport.closing or transport.ended)
    connection.eof_received()
    connection.connection_lost(None)
    return outcome
