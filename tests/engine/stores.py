"""Stores to test: one embedded, one on a PostgreSQL server that the session starts."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psycopg
import pytest

from rempart.core.clock import Micros
from rempart.engine.distributed import PostgresEngine
from rempart.engine.embedded import EmbeddedEngine, FileBlobs
from rempart.engine.seam import Engine

KEY = bytes(range(32))


@dataclass
class Hands:
    """A clock that tests set."""

    now: Micros = field(default=Micros(1_000_000_000))

    def __call__(self) -> Micros:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now = Micros(self.now + round(seconds * 1e6))


class Store(Protocol):
    """A store that can be opened again and again."""

    clock: Hands

    async def open(self) -> Engine: ...

    async def close(self) -> None: ...

    async def reopen(self) -> Engine: ...


@dataclass
class EmbeddedStore:
    directory: Path
    clock: Hands = field(default_factory=Hands)
    engine: EmbeddedEngine | None = None

    async def open(self) -> Engine:
        self.engine = EmbeddedEngine.open(self.directory, KEY, clock=self.clock)
        return self.engine

    async def close(self) -> None:
        if self.engine is not None:
            await self.engine.close()
            self.engine = None

    async def reopen(self) -> Engine:
        await self.close()
        return await self.open()


@dataclass
class PostgresStore:
    dsn: str
    directory: Path
    clock: Hands = field(default_factory=Hands)
    engine: PostgresEngine | None = None
    blobs: FileBlobs | None = None

    async def open(self) -> Engine:
        self.blobs = FileBlobs.at(self.directory / "blobs", pytest.fail)
        self.engine = await PostgresEngine.open(self.dsn, self.blobs, clock=self.clock)
        return self.engine

    async def close(self) -> None:
        if self.engine is not None and self.blobs is not None:
            await self.engine.close()
            await self.blobs.close()
            self.engine = None

    async def reopen(self) -> Engine:
        await self.close()
        return await self.open()


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server on a socket of its own."""

    directory: Path
    binaries: Path

    def dsn(self, database: str = "postgres") -> str:
        return f"host={self.directory} user=postgres dbname={database}"

    def create(self) -> str:
        name = f"t{uuid.uuid4().hex}"
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.dsn(name)

    def run(self, *words: str) -> None:
        subprocess.run([*_as_postgres(), *words], check=True, capture_output=True)

    def control(self, action: str, *words: str) -> None:
        data = str(self.directory / "data")
        self.run(str(self.binaries / "pg_ctl"), "-D", data, "-w", *words, action)

    def start(self, settings: str = "") -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories={self.directory} {settings}"
        log = str(self.directory / "log")
        self.control("start", "-o", options, "-l", log)


def _as_postgres() -> list[str]:
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]


def find_binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    return Path(on_path).resolve().parent if on_path else None
