"""Anthropic's Messages API as a provider, in its version 2023-06-01.

Sources: platform.claude.com/docs/en/api/messages, /build-with-claude/streaming, /build-with-claude/structured-outputs and
/api/errors, and the types of the official SDK.
"""
