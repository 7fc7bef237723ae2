"""Checking proofs, with nothing but roots trusted: RFC 9162 sections 2.1.3.2 and 2.1.4.2.

A proof has exactly as many hashes as the two numbers call for; one more or less is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from hmac import compare_digest

from rempart.tlog.errors import Refuted
from rempart.tlog.text import HASH_BYTES
from rempart.tlog.tree import EMPTY_ROOT, node_hash


def check_inclusion(
    index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that the leaf of this hash and index is in the tree; raises `Refuted`."""
    if not 0 <= index < size:
        raise Refuted(f"A tree of {size} leaves has no leaf {index}.")
    _check_hashes([leaf, root, *proof])
    position, last, computed = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise Refuted("The inclusion proof is too long.")
        if position & 1 or position == last:
            computed = node_hash(sibling, computed)
            position, last = _up(position, last)
        else:
            computed = node_hash(computed, sibling)
        position, last = position >> 1, last >> 1
    if last:
        raise Refuted("The inclusion proof is too short.")
    _check_equal(computed, root, f"Leaf {index} is not shown to be in the tree of {size}.")


def check_consistency(
    old: int, size: int, old_root: bytes, root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that a tree begins with the whole of an older one; raises `Refuted`."""
    if not 0 <= old <= size:
        raise Refuted(f"A tree of {size} leaves does not continue one of {old}.")
    _check_hashes([old_root, root, *proof])
    if old in {0, size}:
        _check_trivial(old, size, old_root, root, proof)
        return
    hashes = list(proof) if old & (old - 1) else [old_root, *proof]
    if not hashes:
        raise Refuted("The consistency proof is too short.")
    old_computed, computed = _replay(old, size, hashes)
    _check_equal(old_computed, old_root, f"The proof is not one about the old tree of {old}.")
    _check_equal(computed, root, f"The tree of {size} does not continue the one of {old}.")


def _check_trivial(
    old: int, size: int, old_root: bytes, root: bytes, proof: Sequence[bytes]
) -> None:
    if proof:
        raise Refuted("The consistency proof is too long: nothing is to be shown.")
    if old == 0:
        _check_equal(old_root, EMPTY_ROOT, "The root of the empty tree is another.")
    if old == size:
        _check_equal(old_root, root, f"Two trees of size {size} have different roots.")


def _replay(old: int, size: int, hashes: Sequence[bytes]) -> tuple[bytes, bytes]:
    position, last = old - 1, size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old_computed = computed = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise Refuted("The consistency proof is too long.")
        if position & 1 or position == last:
            old_computed, computed = node_hash(sibling, old_computed), node_hash(sibling, computed)
            position, last = _up(position, last)
        else:
            computed = node_hash(computed, sibling)
        position, last = position >> 1, last >> 1
    if last:
        raise Refuted("The consistency proof is too short.")
    return old_computed, computed


def _up(position: int, last: int) -> tuple[int, int]:
    """Pass the levels at which a node stands alone at the right edge."""
    while position and not position & 1:
        position, last = position >> 1, last >> 1
    return position, last


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if any(len(it) != HASH_BYTES for it in hashes):
        raise Refuted(f"A hash has {HASH_BYTES} bytes.")


def _check_equal(left: bytes, right: bytes, message: str) -> None:
    if not compare_digest(left, right):
        raise Refuted(message)
