"""Opens the engine: the one place that chooses between the two."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rempart.config import EMBEDDED, Config
from rempart.engine.embedded.blobs import FileBlobs
from rempart.engine.embedded.engine import EmbeddedEngine
from rempart.engine.seam import Engine
from rempart.trust.custody.keyring import Keyring


async def open_engine(
    data: Path, config: Config, keyring: Keyring, fenced: Callable[[str], None]
) -> Engine:
    """Open the engine that the configuration names."""
    key = keyring.key("engine")
    if config.engine == EMBEDDED:
        return EmbeddedEngine.open(data, key, on_fenced=fenced)
    from rempart.engine.distributed.engine import PostgresEngine  # noqa: PLC0415 - an extra

    blobs = FileBlobs.at(data / "blobs", fenced)
    return await PostgresEngine.open(config.engine, blobs)


async def open_alone(data: Path, config: Config, keyring: Keyring) -> Engine:
    """Open the engine for work without a server, where `Fenced` tells enough of a fence."""
    return await open_engine(data, config, keyring, lambda _reason: None)
