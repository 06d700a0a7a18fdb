"""Whether an invocation belongs to the share that a gate looks at: the same invocation always does, or never."""

from hashlib import blake2b

from orchvynt.language.compiled_gates import ALL, Gate


def drawn(gate: Gate, inv: str) -> bool:
    """`gate.sample` parts of 10,000 of all invocations, each gate its own."""
    if gate.sample >= ALL:
        return True
    number = int.from_bytes(blake2b(f"{gate.name}\n{inv}".encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
    return number * ALL >> 64 < gate.sample
