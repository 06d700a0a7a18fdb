"""The admin API: what an operator reads and changes, as JSON under `/api/v1`, on its own port. It never serves an agent."""
