"""The process's own checksummed file of facts: appending, recovery after a crash, and the queue to whoever files them."""
