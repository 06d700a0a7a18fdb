"""A provider on a script: speaks OpenAI, Anthropic and Ollama over real sockets, misbehaves on command, keeps its own ledger.

An independent implementation of the wire formats: it imports nothing of OrchVynt, so that mistakes do not cancel out.
"""
