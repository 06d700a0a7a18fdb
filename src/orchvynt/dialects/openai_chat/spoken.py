"""What a spoken answer says: the transcript beside its sound, by which it is judged as a written one is."""

import msgspec


class _Audio(msgspec.Struct, gc=False):
    transcript: str | None = None


_read = msgspec.json.Decoder(_Audio | None).decode


def transcript_of(audio: msgspec.Raw) -> str:
    """`audio` of a message, or of a delta, which has a part of it. Empty where it says nothing, or is nothing that can be read."""
    if not audio:
        return ""
    try:
        told = _read(audio)
    except msgspec.MsgspecError:
        return ""
    return (told.transcript or "") if told is not None else ""
