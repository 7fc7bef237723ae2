"""The Merkle tree of RFC 6962 section 2.1 (the same as RFC 9162's), over SHA-256."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from rempart.core.errors import invariant

EMPTY_ROOT = sha256(b"").digest()
"""The root of the tree without leaves."""


@dataclass(frozen=True, slots=True)
class Node:
    """A complete subtree: the leaves from `index << level` on, `1 << level` of them."""

    level: int
    index: int


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash under which an entry hangs in the tree."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two subtrees side by side."""
    return sha256(b"\x01" + left + right).digest()


def root_hash(leaves: Iterable[bytes]) -> bytes:
    """Return the root over leaf hashes."""
    edge = Edge()
    for leaf in leaves:
        edge.append(leaf)
    return edge.root()


def complete_subtrees(start: int, end: int) -> tuple[Node, ...]:
    """Return the fewest complete subtrees that the leaves `start` to `end` are made of, in order.

    `start` is where some subtree of more than `end - start` leaves, or of as many, could begin.
    """
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append(Node(level, start >> level))
        start += 1 << level
    return tuple(nodes)


def fold(hashes: Iterable[bytes]) -> bytes:
    """Return the hash of subtrees side by side, each larger than the one after it."""
    *larger, folded = hashes
    for left in reversed(larger):
        folded = node_hash(left, folded)
    return folded


class Edge:
    """The right edge of a growing tree: all that is needed to append to it and to name its root.

    `hashes` are those of `complete_subtrees(0, size)`; 63 of them at most, whatever the size.
    """

    __slots__ = ("_hashes", "size")

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self._hashes = list(hashes)
        invariant(len(self._hashes) == size.bit_count(), "one hash for each bit of the size")

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """Return what to keep, beside the size, to go on later."""
        return tuple(self._hashes)

    def append(self, leaf: bytes) -> None:
        """Add a leaf hash."""
        carry, size = leaf, self.size
        while size & 1:
            carry = node_hash(self._hashes.pop(), carry)
            size >>= 1
        self._hashes.append(carry)
        self.size += 1

    def root(self) -> bytes:
        """Return the root of the tree as it stands."""
        return fold(self._hashes) if self._hashes else EMPTY_ROOT
