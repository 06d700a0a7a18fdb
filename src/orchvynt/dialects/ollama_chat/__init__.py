"""Ollama's native chat API as a provider.

Sources: docs.ollama.com/api/chat, /api/streaming, /api/errors and github.com/ollama/ollama docs/api.md.
"""
