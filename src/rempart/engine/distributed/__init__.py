"""The distributed engine: records, payloads, feeds and leases on PostgreSQL."""

from rempart.engine.distributed.engine import PostgresEngine
from rempart.engine.distributed.session import UnfitServer

__all__ = ["PostgresEngine", "UnfitServer"]
