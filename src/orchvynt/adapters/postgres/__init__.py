"""The store in PostgreSQL: connections, schema and queries. What is done with them, it shares with SQLite's."""
