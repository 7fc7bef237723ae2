"""Trees and proofs: RFC 6962's published roots, a naive tree, and every one-bit lie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.tlog.checking import check_consistency, check_inclusion
from rempart.tlog.errors import Refuted
from rempart.tlog.proving import plan_consistency, plan_inclusion, plan_root
from rempart.tlog.tree import EMPTY_ROOT, Edge, Node, leaf_hash, node_hash, root_hash

# The entries and hashes of certificate-transparency-go's and of transparency-dev/merkle's tests.
ENTRIES = [
    bytes.fromhex(it)
    for it in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    bytes.fromhex(it)
    for it in (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]
INCLUSION_5_OF_8 = [
    bytes.fromhex(it)
    for it in (
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    )
]
CONSISTENCY_6_TO_8 = [
    bytes.fromhex(it)
    for it in (
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    )
]
CONSISTENCY_2_TO_5 = [
    bytes.fromhex(it)
    for it in (
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    )
]
LEAVES = [leaf_hash(it) for it in ENTRIES]
MANY = [leaf_hash(b"%d" % it) for it in range(300)]


class Naive:
    """RFC 6962 section 2.1, word by word."""

    def __init__(self, leaves: list[bytes]) -> None:
        self._leaves = leaves

    def root(self, start: int, end: int) -> bytes:
        if end - start == 1:
            return self._leaves[start]
        middle = self._middle(start, end)
        return node_hash(self.root(start, middle), self.root(middle, end))

    def path(self, index: int, start: int, end: int) -> list[bytes]:
        if end - start == 1:
            return []
        middle = self._middle(start, end)
        if index < middle:
            return [*self.path(index, start, middle), self.root(middle, end)]
        return [*self.path(index, middle, end), self.root(start, middle)]

    def subproof(self, old: int, start: int, end: int, *, known: bool = True) -> list[bytes]:
        if old == end:
            return [] if known else [self.root(start, end)]
        middle = self._middle(start, end)
        if old <= middle:
            return [*self.subproof(old, start, middle, known=known), self.root(middle, end)]
        return [*self.subproof(old, middle, end, known=False), self.root(start, middle)]

    def node(self, node: Node) -> bytes:
        return self.root(node.index << node.level, (node.index + 1) << node.level)

    @staticmethod
    def _middle(start: int, end: int) -> int:
        width = 1
        while width * 2 < end - start:
            width *= 2
        return start + width


NAIVE = Naive(MANY)
sizes = st.integers(1, len(MANY))


def _inclusion(index: int, size: int) -> tuple[bytes, ...]:
    return plan_inclusion(index, size).read(lambda nodes: [NAIVE.node(it) for it in nodes])


def _consistency(old: int, size: int) -> tuple[bytes, ...]:
    return plan_consistency(old, size).read(lambda nodes: [NAIVE.node(it) for it in nodes])


def _flips(content: bytes) -> list[bytes]:
    number = int.from_bytes(content, "big")
    return [(number ^ (1 << bit)).to_bytes(len(content), "big") for bit in range(len(content) * 8)]


@pytest.mark.parametrize("size", range(1, 9))
def test_the_published_roots_come_out(size: int) -> None:
    assert root_hash(LEAVES[:size]) == ROOTS[size - 1]


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert root_hash([]) == EMPTY_ROOT
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_the_published_proofs_come_out_and_hold() -> None:
    published = Naive(LEAVES)

    def read(nodes: object) -> list[bytes]:
        return [published.node(it) for it in nodes]  # type: ignore[attr-defined]

    assert list(plan_inclusion(5, 8).read(read)) == INCLUSION_5_OF_8
    assert list(plan_consistency(6, 8).read(read)) == CONSISTENCY_6_TO_8
    assert list(plan_consistency(2, 5).read(read)) == CONSISTENCY_2_TO_5
    check_inclusion(5, 8, LEAVES[5], INCLUSION_5_OF_8, ROOTS[7])
    check_consistency(6, 8, ROOTS[5], ROOTS[7], CONSISTENCY_6_TO_8)
    check_consistency(2, 5, ROOTS[1], ROOTS[4], CONSISTENCY_2_TO_5)


def test_an_edge_that_is_put_away_and_taken_up_again_grows_the_same_tree() -> None:
    edge = Edge()
    for size, leaf in enumerate(MANY, start=1):
        edge = Edge(edge.size, edge.hashes)
        edge.append(leaf)
        assert edge.size == size
        assert edge.root() == NAIVE.root(0, size)


def test_a_root_is_planned_like_a_proof() -> None:
    for size in range(1, len(MANY)):
        (root,) = plan_root(size).read(lambda nodes: [NAIVE.node(it) for it in nodes])
        assert root == NAIVE.root(0, size)


@given(size=sizes, data=st.data())
def test_proofs_are_those_of_a_naive_tree_and_hold(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = _inclusion(index, size)
    assert list(proof) == NAIVE.path(index, 0, size)
    check_inclusion(index, size, MANY[index], proof, NAIVE.root(0, size))
    old = data.draw(st.integers(1, size))
    grown = _consistency(old, size)
    assert list(grown) == NAIVE.subproof(old, 0, size)
    check_consistency(old, size, NAIVE.root(0, old), NAIVE.root(0, size), grown)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13])
def test_every_bit_of_an_inclusion_proof_counts(size: int) -> None:
    root = NAIVE.root(0, size)
    for index in range(size):
        proof, leaf = _inclusion(index, size), MANY[index]
        lies = [(leaf, proof, flipped) for flipped in _flips(root)]
        lies += [(flipped, proof, root) for flipped in _flips(leaf)]
        for at, hash_ in enumerate(proof):
            lies += [(leaf, (*proof[:at], it, *proof[at + 1 :]), root) for it in _flips(hash_)]
        lies += [(leaf, proof[:-1], root)] if proof else []
        lies += [(leaf, (*proof, EMPTY_ROOT), root), (leaf, (*proof, root), root)]
        for said_leaf, said_proof, said_root in lies:
            with pytest.raises(Refuted):
                check_inclusion(index, size, said_leaf, said_proof, said_root)
        for other in set(range(-1, size + 2)) - {index}:
            with pytest.raises(Refuted):
                check_inclusion(other, size, leaf, proof, root)


@pytest.mark.parametrize(
    ("old", "size"), [(1, 1), (1, 2), (2, 3), (3, 7), (4, 8), (6, 8), (7, 13), (8, 13)]
)
def test_every_bit_of_a_consistency_proof_counts(old: int, size: int) -> None:
    old_root, root, proof = NAIVE.root(0, old), NAIVE.root(0, size), _consistency(old, size)
    lies = [(it, root, proof) for it in _flips(old_root)]
    lies += [(old_root, it, proof) for it in _flips(root)]
    for at, hash_ in enumerate(proof):
        lies += [(old_root, root, (*proof[:at], it, *proof[at + 1 :])) for it in _flips(hash_)]
    lies += [(old_root, root, proof[:-1])] if proof else []
    lies += [(old_root, root, (*proof, root)), (old_root, root, (old_root, *proof))]
    for said_old, said_new, said_proof in lies:
        with pytest.raises(Refuted):
            check_consistency(old, size, said_old, said_new, said_proof)


@given(old=sizes, size=sizes, said_old=sizes, said_size=sizes)
def test_a_proof_has_exactly_the_length_that_its_sizes_call_for(
    old: int, size: int, said_old: int, said_size: int
) -> None:
    """Of another size with the same way up, a root is the same: sizes are bound by the checkpoint's
    signature, not by its root."""
    old, size = sorted((old, size))
    said_old, said_size = sorted((said_old, said_size))
    proof = _consistency(old, size)
    if len(plan_consistency(said_old, said_size).parts) == len(proof):
        return
    with pytest.raises(Refuted):
        check_consistency(said_old, said_size, NAIVE.root(0, old), NAIVE.root(0, size), proof)


def test_a_tree_is_never_said_to_have_shrunk() -> None:
    with pytest.raises(Refuted):
        check_consistency(5, 4, NAIVE.root(0, 5), NAIVE.root(0, 4), ())
    with pytest.raises(Refuted):
        check_consistency(-1, 4, NAIVE.root(0, 1), NAIVE.root(0, 4), ())


def test_from_nothing_nothing_is_shown_but_the_empty_root() -> None:
    check_consistency(0, 5, EMPTY_ROOT, NAIVE.root(0, 5), ())
    with pytest.raises(Refuted):
        check_consistency(0, 5, NAIVE.root(0, 5), NAIVE.root(0, 5), ())
    with pytest.raises(Refuted):
        check_consistency(0, 5, EMPTY_ROOT, NAIVE.root(0, 5), (EMPTY_ROOT,))
    with pytest.raises(Refuted):
        check_consistency(0, 0, EMPTY_ROOT, NAIVE.root(0, 5), ())
