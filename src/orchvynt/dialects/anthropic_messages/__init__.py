"""Anthropic's Messages API: as callers speak it, and as Anthropic is spoken to, in its version 2023-06-01 unless a caller says another.

Sources: platform.claude.com/docs/en/api/messages, /build-with-claude/streaming, /build-with-claude/structured-outputs and
/api/errors, and the types of the official SDK.
"""
