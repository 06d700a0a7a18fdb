"""One whole request, as it came: nothing in it is interpreted beyond HTTP itself."""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar, cast

CHUNKED: Final = -1

T = TypeVar("T")
Derived = dict[object, tuple[frozenset[str], object]]
"""What was made of a head, by what made it, with the names of the fields whose values that read."""


class Request:
    """`path` is percent-decoded (except an encoded slash, which stays `%2F`), `query` is not. Header names are in lower case.

    `body_bytes` is what the header declared, CHUNKED for a chunked body. `peer` is `host:port`, for records only.
    """

    __slots__ = (
        "_derived",
        "_fields",
        "body",
        "body_bytes",
        "expects_continue",
        "headers",
        "http_1_0",
        "keep_alive",
        "method",
        "path",
        "peer",
        "query",
    )

    def __init__(
        self,
        method: str,
        path: str,
        query: str,
        headers: list[tuple[bytes, bytes]],
        peer: str,
        body_bytes: int = 0,
        keep_alive: bool = True,
        http_1_0: bool = False,
        expects_continue: bool = False,
        fields: dict[str, str] | None = None,
        derived: Derived | None = None,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.peer = peer
        self.body = b""
        self.body_bytes = body_bytes
        self.keep_alive = keep_alive
        self.http_1_0 = http_1_0
        self.expects_continue = expects_continue
        self._fields = fields
        self._derived: Derived = {} if derived is None else derived

    def again(self, body_bytes: int) -> "Request":
        """A further request with the same head, but for its length, which `body_bytes` says (its field may still say the first one's)."""
        known = self._fields
        return Request(
            self.method,
            self.path,
            self.query,
            self.headers,
            self.peer,
            body_bytes,
            self.keep_alive,
            self.http_1_0,
            self.expects_continue,
            known if known is not None else self.fields(),
            self._derived,
        )

    def varied(self, changed: Sequence[tuple[int, bytes]]) -> "Request":
        """A further request with other values in some fields, by their place in `headers`, each of a name that is there once. Its length is
        to be set."""
        request = self.again(0)
        request.headers = headers = self.headers.copy()
        request._fields = fields = self.fields().copy()
        names: set[str] = set()
        for place, value in changed:
            name = headers[place][0]
            headers[place] = (name, value)
            names.add(text := name.decode("latin-1"))
            fields[text] = _text(value.strip(b" \t"))
        request._derived = {derive: kept for derive, kept in self._derived.items() if names.isdisjoint(kept[0])}
        return request

    def derived(self, derive: Callable[["Request"], T], reads: frozenset[str]) -> T:
        """What `derive` makes of the names of the head and of the values of those that it `reads`: made once for all requests of a
        connection that repeat them (bench/: 5 %)."""
        kept = self._derived.get(derive)
        if kept is None:
            kept = self._derived[derive] = (reads, derive(self))
        return cast(T, kept[1])

    def has_any(self, names: frozenset[str]) -> bool:
        """Whether any of these fields (in lower case) is there."""
        return not names.isdisjoint(self.fields())

    def header(self, name: str) -> str:
        """The value of a field (`name` in lower case), without blanks around it; of a repeated one all values, joined by `, ` (RFC 9110
        section 5.3); empty if it is absent. Bytes that are not UTF-8 are read as Latin-1."""
        fields = self._fields
        return (fields if fields is not None else self.fields()).get(name, "")

    def fields(self) -> dict[str, str]:
        """All fields by name, in lower case."""
        if self._fields is None:
            joined: dict[bytes, bytes] = {}
            for name, value in self.headers:
                before = joined.get(name)
                joined[name] = value.strip(b" \t") if before is None else before + b", " + value.strip(b" \t")
            self._fields = {name.decode("latin-1"): _text(value) for name, value in joined.items()}
        return self._fields


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
