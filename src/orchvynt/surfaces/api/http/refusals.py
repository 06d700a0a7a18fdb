"""What this layer refuses by itself, before there is an invocation: each as a Fault with what was wrong and what to send instead."""

from orchvynt.model.faults import Fault
from orchvynt.surfaces.api.http.limits import SECOND, Limits


class RefusedError(Exception):
    """The message cannot be accepted; the connection ends after the refusal. Raised while reading, never past the connection."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def bad_framing(what: str) -> RefusedError:
    """RFC 9112 section 6.3 and 11.2: a message whose end is ambiguous is refused, and nothing after it can be trusted."""
    return RefusedError(
        Fault(
            "bad_framing",
            f"This HTTP message is ambiguous or malformed: {what}.",
            "Send HTTP/1.1 with one Host, and either one Content-Length or `Transfer-Encoding: chunked`.",
        )
    )


def header_too_large(limits: Limits) -> RefusedError:
    return RefusedError(
        Fault(
            "headers_too_large",
            f"The header is larger than {limits.header_bytes_max} bytes or {limits.header_fields_max} fields.",
            "Send fewer or shorter header fields; long context belongs in the body's metadata.",
            detail={"header_bytes_max": limits.header_bytes_max, "header_fields_max": limits.header_fields_max},
        )
    )


def body_too_large(body_bytes_max: int) -> RefusedError:
    return RefusedError(
        Fault(
            "too_large",
            f"The body is larger than {body_bytes_max} bytes.",
            "Send less, or refer to files by address instead of embedding them.",
            detail={"body_bytes_max": body_bytes_max},
        )
    )


def header_too_slow(limits: Limits) -> Fault:
    return Fault(
        "timeout",
        f"The header was not complete after {limits.header_ns / SECOND:g} s.",
        "Send the request again in one piece.",
        detail={"header_seconds_max": limits.header_ns / SECOND},
    )


def body_too_slow(limits: Limits) -> Fault:
    return Fault(
        "timeout",
        f"The body paused for more than {limits.body_idle_ns / SECOND:g} s, or came at less than"
        f" {limits.body_bytes_per_second_min} bytes a second.",
        "Send the request again without pauses.",
        detail={"body_idle_seconds_max": limits.body_idle_ns / SECOND, "body_bytes_per_second_min": limits.body_bytes_per_second_min},
    )


def bodies_too_large(bodies_bytes_max: int) -> RefusedError:
    return RefusedError(
        Fault(
            "overloaded",
            f"The bodies of all requests that are open take up {bodies_bytes_max} bytes, and there is no room for more.",
            "Send the same again later, or send less.",
            detail={"bodies_bytes_max": bodies_bytes_max},
            retry_after_seconds=1,
        )
    )


def too_many_connections(limits: Limits) -> Fault:
    return Fault(
        "overloaded",
        f"All {limits.connections_max} connections are taken.",
        "Use keep-alive and fewer connections, or come back later.",
        detail={"connections_max": limits.connections_max},
        retry_after_seconds=1,
    )
