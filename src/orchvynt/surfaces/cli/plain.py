"""Makes text of callers, providers and reviewers harmless on a terminal: no control character, no ANSI, no bidirectional override."""


def printable(text: str, lines: bool = False) -> str:
    """The text with everything unprintable written as an escape (`\\x1b`, `\\u202e`); with `lines` line breaks stay."""
    return "".join(letter if letter.isprintable() or (lines and letter == "\n") else _escaped(letter) for letter in text)


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
