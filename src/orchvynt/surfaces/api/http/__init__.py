"""The data plane's own HTTP/1.1: bytes of one connection in, whole requests out, answers back. It knows no invocation and no policy."""
