"""Tiles: the specification's own examples, paths in one spelling, growth equal to the whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.tlog.checking import check_consistency, check_inclusion
from rempart.tlog.errors import Malformed
from rempart.tlog.growth import Growth
from rempart.tlog.proving import plan_consistency, plan_inclusion, plan_root
from rempart.tlog.tiles import (
    ENTRIES,
    Tile,
    bundles_of,
    decode_bundle,
    decode_tile,
    encode_bundle,
    parse_path,
    reader_of,
    tiles_of,
)
from rempart.tlog.tree import EMPTY_ROOT, leaf_hash, root_hash

SIZE = 70_000
LEAVES = [leaf_hash(b"%d" % it) for it in range(SIZE)]


@pytest.fixture(scope="module")
def files() -> dict[Tile, bytes]:
    """Every tile that a log wrote while it grew to the specification's example."""
    growth, files = Growth(), dict[Tile, bytes]()
    for start in range(0, SIZE, 10_007):
        growth.append(LEAVES[start : start + 10_007])
        files.update(growth.written())
    return files


def test_the_example_of_the_specification_has_its_tiles() -> None:
    tiles = list(tiles_of(SIZE))
    widths = {level: [it.width for it in tiles if it.level == level] for level in range(4)}
    assert widths == {0: [256] * 273 + [112], 1: [256, 17], 2: [1], 3: []}
    assert list(tiles_of(256)) == [Tile(0, 0), Tile(1, 0, 1)]
    assert list(tiles_of(0)) == []
    assert list(bundles_of(300)) == [Tile(ENTRIES, 0), Tile(ENTRIES, 1, 44)]


def test_paths_are_those_of_the_specification() -> None:
    assert Tile(0, 1_234_067).path == "tile/0/x001/x234/067"
    assert Tile(1, 5, 17).path == "tile/1/005.p/17"
    assert Tile(ENTRIES, 1000).path == "tile/entries/x001/000"


@given(level=st.integers(ENTRIES, 63), index=st.integers(0, 10**15), width=st.integers(1, 256))
def test_a_path_is_read_as_it_was_written(level: int, index: int, width: int) -> None:
    tile = Tile(level, index, width)
    assert parse_path(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/0",
        "tile/0/x000/000",
        "tile/0/x001/x067",
        "tile/0/001/067",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/entries/000/",
        "/tile/0/000",
        "tile/0/000\n",
        "tile/0/\u0660\u0660\u0660",
        "tile/0/../000",
    ],
)
def test_no_other_spelling_of_a_path_is_read(path: str) -> None:
    with pytest.raises(Malformed):
        parse_path(path)


def test_a_log_that_grows_writes_the_tiles_of_its_size(files: dict[Tile, bytes]) -> None:
    for tile in tiles_of(SIZE):
        assert len(decode_tile(files[tile], tile.width)) == tile.width
        if tile.level == 0:
            start = tile.index * 256
            assert files[tile] == b"".join(LEAVES[start : start + tile.width])


@given(old=st.integers(1, SIZE), size=st.integers(1, SIZE), at=st.integers(0, SIZE - 1))
def test_proofs_out_of_tiles_hold(files: dict[Tile, bytes], old: int, size: int, at: int) -> None:
    old, size = sorted((old, size))
    index = at % size
    reader = reader_of(size, lambda tile: _cut(files, tile))
    (root,) = plan_root(size).read(reader)
    (old_root,) = plan_root(old).read(reader)
    check_inclusion(index, size, LEAVES[index], plan_inclusion(index, size).read(reader), root)
    check_consistency(old, size, old_root, root, plan_consistency(old, size).read(reader))


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 65_535, 65_536, 65_537, 66_000])
def test_growth_taken_up_again_gives_the_same_root_and_tiles(
    files: dict[Tile, bytes], size: int
) -> None:
    growth = Growth.resume(size, lambda tile: _cut(files, tile))
    assert growth.root() == root_hash(LEAVES[:size])
    assert growth.written() == []
    growth.append(LEAVES[size : size + 300])
    written = dict(growth.written())
    assert sorted(written) == sorted(tiles_of(size + 300, size))
    assert all(_cut(files, tile) == content for tile, content in written.items())
    assert growth.root() == root_hash(LEAVES[: size + 300])
    assert Growth().root() == EMPTY_ROOT


@given(st.lists(st.binary(max_size=40), max_size=10))
def test_entries_come_out_of_their_bundle(entries: list[bytes]) -> None:
    bundle = encode_bundle(entries)
    assert list(decode_bundle(bundle, len(entries))) == entries
    with pytest.raises(Malformed):
        decode_bundle(bundle, len(entries) + 1)
    with pytest.raises(Malformed):
        decode_bundle(bundle + b"\x00", len(entries))
    if bundle:
        with pytest.raises(Malformed):
            decode_bundle(bundle[:-1], len(entries))


def _cut(files: dict[Tile, bytes], tile: Tile) -> bytes:
    """Return a tile, if need be out of a wider one."""
    wider = range(tile.width, 257)
    found = next(files[it] for w in wider if (it := Tile(tile.level, tile.index, w)) in files)
    return found[: tile.width * 32]
