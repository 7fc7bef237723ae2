"""Bugs to plant in a child process: the harness must catch each of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from rempart.engine.embedded import blobfile, committer
from rempart.engine.embedded.applier import Applier, Head
from rempart.engine.embedded.committer import Committer
from rempart.engine.seam import Append, Position, chain


def _swap(owner: object, name: str, value: object) -> None:
    """Replace what must be there under a name."""
    if not hasattr(owner, name):
        raise LookupError(f"{owner} has no {name}: the bug would not be planted")
    setattr(owner, name, value)


def _no_sync() -> None:
    def sync(_descriptor: int) -> None:
        return

    _swap(blobfile, "sync", sync)


def _no_directory_sync() -> None:
    def sync_directory(_path: Path) -> None:
        return

    _swap(blobfile, "sync_directory", sync_directory)


def _short_write() -> None:
    def write_all(descriptor: int, data: bytes | bytearray) -> None:
        os.write(descriptor, data)

    _swap(blobfile, "write_all", write_all)


def _early_acknowledgement() -> None:
    apply = Committer._apply

    def eager(self: Committer, jobs: list[committer._Job]) -> list[committer._Outcome]:
        outcomes = apply(self, jobs)
        for outcome in outcomes:
            committer._resolve(outcome)
        return outcomes

    _swap(Committer, "_apply", eager)


def _retried_sync() -> None:
    def sync(descriptor: int) -> None:
        try:
            os.fdatasync(descriptor)
        except OSError:
            os.fdatasync(descriptor)

    _swap(blobfile, "sync", sync)


def _dropped_leaf() -> None:
    append = Applier._append

    def forgetful(self: Applier, asked: Append) -> Position:
        head = self._head(asked.feed)
        if head.size % 5 != 4:
            return append(self, asked)
        value = chain(head.chain, asked.entry)
        self._group_heads[asked.feed] = Head(head.number, head.size + 1, value)
        return Position(asked.feed, head.size, value)

    _swap(Applier, "_append", forgetful)


BUGS: dict[str, Callable[[], None]] = {
    "blob without sync": _no_sync,
    "no directory sync": _no_directory_sync,
    "ignored short write": _short_write,
    "acknowledged before commit": _early_acknowledgement,
    "retry after a failed sync": _retried_sync,
    "leaf dropped": _dropped_leaf,
}


def plant(name: str) -> None:
    """Plant a bug in this process; the empty name plants none."""
    if name:
        BUGS[name]()
