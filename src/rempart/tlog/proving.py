"""Which hashes of a tree prove inclusion, consistency or its root: RFC 6962 sections 2.1.1, 2.1.2.

A plan is made without I/O; whoever holds the tree looks up the plan's nodes, as it likes and all at
once, and folds them into the proof.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rempart.core.errors import invariant
from rempart.tlog.tree import Node, complete_subtrees, fold

HashReader = Callable[[Sequence[Node]], Sequence[bytes]]
"""Return the hash of each node, in the same order."""

Proof = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A proof to be made: of each hash in it, the complete subtrees that it folds."""

    parts: tuple[tuple[Node, ...], ...]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Return the nodes whose hashes `proof` wants, in order."""
        return tuple(node for part in self.parts for node in part)

    def proof(self, hashes: Sequence[bytes]) -> Proof:
        """Return the proof, given the hash of each of `nodes`."""
        invariant(len(hashes) == sum(map(len, self.parts)), "one hash for each node")
        remaining = iter(hashes)
        return tuple(fold([next(remaining) for _ in part]) for part in self.parts)

    def read(self, reader: HashReader) -> Proof:
        """Return the proof, with its nodes read by `reader`."""
        return self.proof(reader(self.nodes))


def plan_root(size: int) -> Plan:
    """Plan the root of the first `size` leaves, one at least: a proof of that one hash."""
    invariant(size > 0, "the root of no leaves is known")
    return Plan((complete_subtrees(0, size),))


def plan_inclusion(index: int, size: int) -> Plan:
    """Plan the proof that a leaf is in the tree of the first `size` leaves."""
    invariant(0 <= index < size, "the leaf is in the tree")
    parts = _siblings(index, index + 1, size)
    return Plan(tuple(complete_subtrees(*part) for part in parts))


def plan_consistency(old: int, size: int) -> Plan:
    """Plan the proof that the first `old` leaves of a tree of `size` are what they were.

    Nothing has to be shown from no leaves, or from as many as there are.
    """
    invariant(0 <= old <= size, "a tree does not shrink")
    if old in {0, size}:
        return Plan(())
    width = old & -old  # the last complete subtree of the old tree
    parts = _siblings(old - width, old, size)
    known = [] if width == old else [(old - width, old)]
    return Plan(tuple(complete_subtrees(*part) for part in [*known, *parts]))


def _siblings(start: int, end: int, size: int) -> list[tuple[int, int]]:
    """Return what stands beside the way from a subtree up to the root, lowest first."""
    return list(_descent(start, end, size))[::-1]


def _descent(start: int, end: int, size: int) -> Iterator[tuple[int, int]]:
    low, high = 0, size
    while (low, high) != (start, end):
        middle = low + (1 << (high - low - 1).bit_length() - 1)
        if start < middle:
            yield middle, high
            high = middle
        else:
            yield low, middle
            low = middle
