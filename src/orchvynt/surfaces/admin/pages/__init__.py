"""The pages that people log in on: server-rendered, without scripts."""
