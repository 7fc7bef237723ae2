"""Whether what is published of the log is the log: tree, tiles, checkpoint, statements."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from rempart.core.errors import CloudError
from rempart.cosigners.quorum import Quorum
from rempart.engine.seam import Engine
from rempart.tlog.checkpoint import parse_checkpoint
from rempart.tlog.errors import Malformed, Refuted
from rempart.tlog.growth import Growth
from rempart.tlog.keys import VerifierKey
from rempart.tlog.note import parse_note
from rempart.tlog.tree import leaf_hash
from rempart.trust.custody.sealed import SealedEngine, scanned
from rempart.trust.witness.documents import TILES, Head
from rempart.trust.witness.leaf import FEED, Leaf, decode
from rempart.trust.witness.log import PublishedLog
from rempart.trust.witness.verify import PAGE, Broken

LISTS = "transparency.projects.openings.list"


async def check_tree(
    engine: Engine, sealed: SealedEngine, key: VerifierKey, quorum: Quorum | None = None
) -> int:
    """Build the tree anew and compare what is kept of it; return the size that is published.

    Raises `Broken` where tiles, head or checkpoint are not those of the entries.
    """
    log = PublishedLog(engine, sealed)
    try:
        head = await log.head()
        if head is None:
            await _check_tiles(sealed, Growth())
            return 0
        growth = Growth()
        await _grow(engine, growth, head.published_size)
        if head.published:
            _check_note(head, growth.root(), key, quorum)
        await _grow(engine, growth, head.size)
        if growth.root() != head.root:
            raise Broken(f"The tree over {head.size} entries has another root than is kept.")
        await _check_tiles(sealed, growth)
    except CloudError as problem:
        raise Broken(f"The tree cannot be read: {problem.message}") from problem
    return head.published_size


async def _check_tiles(sealed: SealedEngine, growth: Growth) -> None:
    """Check that exactly the tiles of the tree are kept, each exactly as wide as it is."""
    tiles = growth.written()
    for tile, content in tiles:
        kept = await sealed.find(TILES, TILES.key(tile.level, tile.index))
        if kept is None or kept.value != content:
            raise Broken(f"{tile.path} is not the tile of the entries under it.")
    if (count := await _tiles(sealed)) != len(tiles):
        raise Broken(f"There are {count} tiles; a tree of {growth.size} entries has {len(tiles)}.")


async def _tiles(sealed: SealedEngine) -> int:
    count = 0
    async for _ in scanned(sealed, TILES, TILES.under()):
        count += 1
    return count


async def _grow(engine: Engine, growth: Growth, size: int) -> None:
    while growth.size < size:
        limit = min(PAGE, size - growth.size)
        page = await engine.feeds.read(FEED, growth.size, limit=limit)
        if not page:
            raise Broken(f"The log ends after {growth.size} entries; {size} were signed for.")
        growth.append(leaf_hash(one.entry) for one in page)


def _check_note(head: Head, root: bytes, key: VerifierKey, quorum: Quorum | None) -> None:
    try:
        note = parse_note(head.published)
        note.opened([key])
        if quorum is not None:
            quorum.check(note)
        seen = parse_checkpoint(note.text)
    except (Malformed, Refuted) as problem:
        raise Broken(f"The published checkpoint does not hold: {problem}") from problem
    if (seen.size, seen.root) != (head.published_size, root):
        raise Broken(f"The published checkpoint of {seen.size} entries has another root.")


@dataclass(slots=True)
class Statement:
    """What an entry says was handed out to a project's own people (docs/spec/feed.md)."""

    index: int
    container: str
    start: int
    end: int
    count: int
    digest: str
    found: int = 0
    hashed: hashlib._Hash = field(default_factory=hashlib.sha256)


def statement(index: int, leaf: Leaf) -> Statement | None:
    """Return what an entry states, None where it states nothing."""
    if leaf.method != LISTS or "digest" not in leaf.facts:
        return None
    facts = leaf.facts
    span = int(facts["from"]), int(facts["to"])
    return Statement(index, leaf.container, *span, int(facts["count"]), facts["digest"])


async def check_statements(sealed: SealedEngine, statements: Iterable[Statement]) -> int:
    """Compare statements with the log; raises `Broken` for one that left something out.

    Entries that were pruned since are not counted against it.
    """
    waiting = sorted(statements, key=lambda one: -one.start)
    checked, index = len(waiting), min((one.start for one in waiting), default=0)
    active: list[Statement] = []
    pruned: set[int] = set()
    while waiting or active:
        page = await sealed.entries(FEED, index, limit=PAGE)
        for entry in page:
            while waiting and waiting[-1].start <= entry.index:
                active.append(waiting.pop())
            active = [one for one in active if not _over(one, entry.index, pruned)]
            if entry.opening is None:
                pruned.update(one.index for one in active)
                continue
            container = decode(entry.content).container
            for one in active:
                if one.container == container:
                    one.found += 1
                    one.hashed.update(entry.index.to_bytes(8, "big") + entry.commitment)
        if not page:
            active = [one for one in active if not _over(one, one.end, pruned)]
            break
        index = page[-1].index + 1
    return checked


def _over(one: Statement, at: int, pruned: set[int]) -> bool:
    """Tell whether a statement's span is over; raises `Broken` where it was not true."""
    if at < one.end:
        return False
    if one.index not in pruned and (one.found, one.hashed.hexdigest()) != (one.count, one.digest):
        raise Broken(
            f"Entry {one.index} states that {one.count} entries of {one.container} were handed out;"
            f" there are {one.found} between {one.start} and {one.end}, or others."
        )
    return True
