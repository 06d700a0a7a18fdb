"""OpenAI's chat completions: as callers speak it, and as OpenAI and compatible providers are spoken to.

Source: OpenAI API reference, "Chat Completions" (platform.openai.com/docs/api-reference/chat), as typed by the official SDK.
"""
