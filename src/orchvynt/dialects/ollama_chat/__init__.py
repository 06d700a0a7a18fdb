"""Ollama's own API: `/api/chat` and `/api/generate`, as callers speak them, and as an Ollama is spoken to.

Sources: docs.ollama.com/api/chat, /api/generate, /api/streaming, /api/errors and github.com/ollama/ollama docs/openapi.yaml.
"""
