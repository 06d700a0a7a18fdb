"""The three agents of the demo: the official OpenAI client and nothing of OrchVynt. Their address says who they are."""
