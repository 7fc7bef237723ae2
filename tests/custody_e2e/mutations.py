"""Ways to tamper with a closed store: each changes files as somebody with the disk could."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PAGE = 8192
WAL_HEAD, FRAME_HEAD = 32, 24
FRAME = FRAME_HEAD + PAGE


@dataclass(frozen=True, slots=True)
class Store:
    """The files of a store to tamper with, and those of an older state of the same store."""

    data: Path
    older: Path
    chance: random.Random

    def blobs(self, where: Path) -> list[Path]:
        return sorted((where / "engine" / "blobs").glob("??/*"))

    def blob(self) -> Path:
        return self.chance.choice(self.blobs(self.data))

    @property
    def database(self) -> Path:
        return self.data / "engine" / "records.db"

    @property
    def wal(self) -> Path:
        return self.data / "engine" / "records.db-wal"


def _flip(store: Store, path: Path) -> None:
    content = bytearray(path.read_bytes())
    at = store.chance.randrange(len(content))
    content[at] ^= 1 << store.chance.randrange(8)
    path.write_bytes(content)


def _cut(store: Store, path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: store.chance.randrange(len(content))])


def _extend(store: Store, path: Path) -> None:
    with path.open("ab") as file:
        file.write(store.chance.randbytes(store.chance.choice((1, 16, 4096, PAGE, FRAME))))


def _exchange(path: Path, other: Path) -> None:
    content, others = path.read_bytes(), other.read_bytes()
    path.write_bytes(others)
    other.write_bytes(content)


def _exchange_within(store: Store, path: Path, head: int, size: int, *, skip: int = 0) -> None:
    """Exchange two stretches of a file, each but for its first `skip` bytes."""
    content = bytearray(path.read_bytes())
    first, second = store.chance.sample(range((len(content) - head) // size), 2)
    one = slice(head + first * size + skip, head + (first + 1) * size)
    two = slice(head + second * size + skip, head + (second + 1) * size)
    content[one], content[two] = content[two], content[one]
    path.write_bytes(content)


def blob_flip(store: Store) -> None:
    _flip(store, store.blob())


def blob_cut(store: Store) -> None:
    _cut(store, store.blob())


def blob_extended(store: Store) -> None:
    _extend(store, store.blob())


def blobs_exchanged(store: Store) -> None:
    one, other = store.chance.sample(store.blobs(store.data), 2)
    _exchange(one, other)


def blob_replayed(store: Store) -> None:
    """Put what an older state had in a blob in the place of another one."""
    store.blob().write_bytes(store.chance.choice(store.blobs(store.older)).read_bytes())


def blob_spliced(store: Store) -> None:
    """Put a stretch of one blob into another, at the same place."""
    one, other = store.chance.sample(store.blobs(store.data), 2)
    content, others = bytearray(one.read_bytes()), other.read_bytes()
    size = min(len(content), len(others))
    start = store.chance.randrange(size)
    content[start:size] = others[start:size]
    one.write_bytes(content)


def blob_removed(store: Store) -> None:
    store.blob().unlink()


def database_flip(store: Store) -> None:
    _flip(store, store.database)


def database_cut(store: Store) -> None:
    _cut(store, store.database)


def pages_exchanged(store: Store) -> None:
    _exchange_within(store, store.database, 0, PAGE)


def page_replayed(store: Store) -> None:
    """Put an older state's page in its place: right key, right number, wrong time."""
    old = (store.older / "engine" / "records.db").read_bytes()
    content = bytearray(store.database.read_bytes())
    at = store.chance.randrange(min(len(old), len(content)) // PAGE) * PAGE
    content[at : at + PAGE] = old[at : at + PAGE]
    store.database.write_bytes(content)


def wal_flip(store: Store) -> None:
    _flip(store, store.wal)


def wal_cut(store: Store) -> None:
    _cut(store, store.wal)


def wal_extended(store: Store) -> None:
    _extend(store, store.wal)


def wal_pages_exchanged(store: Store) -> None:
    _exchange_within(store, store.wal, WAL_HEAD, FRAME, skip=FRAME_HEAD)


Mutation = Callable[[Store], None]

FLAWLESS: tuple[Mutation, ...] = (
    blob_flip, blob_cut, blob_extended, blobs_exchanged, blob_replayed, blob_spliced, blob_removed,
    database_flip, database_cut, pages_exchanged,
)  # fmt: skip
"""After these a read is right or an error."""

TURNING_BACK: tuple[Mutation, ...] = (
    page_replayed, wal_flip, wal_cut, wal_extended, wal_pages_exchanged,
)  # fmt: skip
"""After these a read may also show an earlier state: the log's head tells (docs/reliability.md)."""
