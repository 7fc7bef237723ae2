"""The embedded engine: records, payloads, feeds and leases in SQLite, blobs as files."""

from rempart.engine.embedded.blobs import FileBlobs
from rempart.engine.embedded.engine import EmbeddedEngine
from rempart.engine.embedded.refusals import (
    AlreadyOpen,
    Cipher,
    NewerData,
    OpenRefused,
    Unfit,
    WrongKey,
)

__all__ = [
    "AlreadyOpen",
    "Cipher",
    "EmbeddedEngine",
    "FileBlobs",
    "NewerData",
    "OpenRefused",
    "Unfit",
    "WrongKey",
]
