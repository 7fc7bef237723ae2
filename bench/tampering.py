"""What the operator can do to a universe's log as root, with all its keys: five ways.

Each is done to a copy of the data directory while it is stopped.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import apsw
from msgspec.structs import replace

from bench.universe import Broken
from rempart.core.clock import World
from rempart.engine.embedded.database import open_database
from rempart.engine.embedded.refusals import Cipher
from rempart.engine.seam import GENESIS, Engine, FeedEntry, chain
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.custody.sealing.files import clear_keyring
from rempart.trust.witness.documents import HEADS, TILES
from rempart.trust.witness.leaf import FEED, SUPPORT, Leaf, decode, encode

HONEST = "somebody.else@customer.example"


def erase(data: Path) -> None:
    """What opens the entry of the support access is erased"""
    with _rows(data) as rows:
        rows.execute("UPDATE entries SET content = x'' WHERE id = ?", (_support(data, rows)[0],))


def rewrite(data: Path) -> None:
    """The entry says that somebody else read, with a new commitment and chain"""
    with _rows(data) as rows:
        at, leaf = _support(data, rows)
        made = _sealed(data).seal_entry(FEED, encode(replace(leaf, principal=f"user:{HONEST}")))
        rows.execute(
            "UPDATE entries SET entry = ?, content = ? WHERE id = ?",
            (made.entry, made.content, at),
        )
        _chained(rows)


def cut(data: Path) -> None:
    """The log is cut off before the support access, and its tree grown anew"""
    with _rows(data) as rows:
        rows.execute("DELETE FROM entries WHERE id >= ?", (_support(data, rows)[0],))
        _chained(rows)
        _forget_tree(rows)


def put_back(data: Path, older: Path) -> None:
    """The whole store is put back to before the support access"""
    shutil.rmtree(data)
    shutil.copytree(older, data)


def fork(data: Path) -> None:
    """Another history, under the log's own key, and witnesses are no longer demanded"""
    rewrite(data)
    with _rows(data) as rows:
        _forget_tree(rows)
    (data / "log-policy").unlink()


@contextlib.contextmanager
def _rows(data: Path) -> Iterator[apsw.Connection]:
    key = clear_keyring(data).key("engine")
    database = open_database(data / "engine" / "records.db", key, Cipher.AEGIS)
    try:
        yield database.writer
    finally:
        database.close()


def _sealed(data: Path) -> SealedEngine:
    # Entries are sealed and opened by the key alone: no engine is asked for anything.
    engine = cast("Engine", SimpleNamespace(blobs=None))
    key = clear_keyring(data).key("record")
    return SealedEngine(engine, key=key, random=World().random)


def _support(data: Path, rows: apsw.Connection) -> tuple[int, Leaf]:
    """Return the entry of the access by which staff read."""
    sealed = _sealed(data)
    found = list(rows.execute("SELECT id, chain, entry, content FROM entries ORDER BY id"))
    for id_, chained, entry, content in found:
        opening = sealed.open_entry(FEED, FeedEntry(0, chained, entry, content))
        leaf = decode(opening.content) if opening else None
        if leaf is not None and leaf.kind == SUPPORT and leaf.agent:
            return id_, leaf
    raise Broken("There is no entry of a support access.")


def _chained(rows: apsw.Connection) -> None:
    """Give every entry the chain value that it has to have, and the feed its end."""
    value, size = GENESIS, 0
    for id_, entry in list(rows.execute("SELECT id, entry FROM entries ORDER BY id")):
        value, size = chain(value, entry), size + 1
        rows.execute("UPDATE entries SET chain = ? WHERE id = ?", (value, id_))
    rows.execute("UPDATE feeds SET size = ?, chain = ? WHERE name = ?", (size, value, FEED))


def _forget_tree(rows: apsw.Connection) -> None:
    for kind in (TILES, HEADS):
        rows.execute("DELETE FROM records WHERE substr(key, 1, 1) = ?", (kind.tag,))
