"""Makes text of strangers harmless where it is shown: no control characters, no text that runs backwards, no half characters."""

import re
from typing import Final

_UNSEEN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]")
_BREAKS: Final = re.compile(r"\s+")


def inert(text: str, chars_max: int) -> str:
    """Line breaks and tabs stay; what nobody sees becomes `�`. Cut at `chars_max`, with `…`."""
    cut = text if len(text) <= chars_max else text[: chars_max - 1] + "…"
    return _UNSEEN.sub("�", cut.replace("\r\n", "\n"))


def one_line(text: str, chars_max: int) -> str:
    """The same without line breaks: for a header or a title."""
    return _BREAKS.sub(" ", inert(_BREAKS.sub(" ", text), chars_max)).strip()
