"""What the runtime asks of the world, as Protocols. No code stands here."""
