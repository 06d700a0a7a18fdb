"""The command line: options in, the admin API or an injected local command asked, a terminal or a pipe answered.

INVARIANT: what `orchvynt --help` imports stays small; rich, msgspec and the HTTP client are loaded by the commands that need them.
"""
