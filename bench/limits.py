"""What this machine can do at all: one core's MD5, and its disk."""

from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PIECE_BYTES = 1 << 20
_PIECE = os.urandom(PIECE_BYTES)


def md5(size: int) -> float:
    """Return bytes per second of MD5 (OpenSSL's) on one core."""
    digest, begun = hashlib.md5(usedforsecurity=False), time.perf_counter()
    for _ in range(size // PIECE_BYTES):
        digest.update(_PIECE)
    return size / (time.perf_counter() - begun)


def disk(home: Path, size: int, streams: int) -> float:
    """Return bytes per second of `streams` files written at once, fdatasync included."""
    paths = [home / f"limit-{index}" for index in range(streams)]
    begun = time.perf_counter()
    with ThreadPoolExecutor(streams) as threads:
        list(threads.map(lambda path: _write(path, size), paths))
    seconds = time.perf_counter() - begun
    for path in paths:
        path.unlink()
    return streams * size / seconds


def _write(path: Path, size: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        for _ in range(size // PIECE_BYTES):
            os.write(descriptor, _PIECE)
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def syncs(home: Path, seconds: float) -> float:
    """Return how many times a second 4 KiB are appended and made durable, one after another."""
    path = home / "limit-syncs"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    count, begun = 0, time.perf_counter()
    try:
        while time.perf_counter() - begun < seconds:
            os.write(descriptor, _PIECE[:4096])
            os.fdatasync(descriptor)
            count += 1
    finally:
        os.close(descriptor)
        path.unlink()
    return count / (time.perf_counter() - begun)
