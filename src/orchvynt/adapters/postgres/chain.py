"""The audit's lock in PostgreSQL."""

from orchvynt.adapters.postgres.session import QUERIES
from orchvynt.adapters.sql import Connection
from orchvynt.adapters.sqlite.joint_chain import SharedChain


class PostgresChain(SharedChain):
    def lock(self, connection: Connection) -> None:
        connection.execute(QUERIES["lock_chain"])
