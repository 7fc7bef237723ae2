"""What somebody holds from before against the log that is stored: receipts, checkpoints."""

from __future__ import annotations

from collections.abc import Iterable

from rempart.engine.seam import Engine
from rempart.tlog.checking import check_consistency
from rempart.tlog.checkpoint import parse_checkpoint
from rempart.tlog.errors import Malformed, Refuted
from rempart.tlog.keys import VerifierKey
from rempart.tlog.note import Note
from rempart.tlog.tree import leaf_hash
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.witness.leaf import FEED
from rempart.trust.witness.log import PublishedLog
from rempart.trust.witness.verify import Broken


async def check_held(
    engine: Engine, sealed: SealedEngine, key: VerifierKey, notes: Iterable[Note]
) -> int:
    """Check that the tree, found right before, continues what was signed; return how many were.

    Raises `Broken`. An older copy of a whole data directory is a right log: only this tells.
    """
    log = PublishedLog(engine, sealed)
    head = await log.head()
    checked = list(notes)
    for note in checked:
        try:
            was = parse_checkpoint(note.text)
            was.check_origin([key.name])
            note.opened([key])
            if head is None or was.size > head.size:
                held = head.size if head else 0
                raise Broken(f"The log has {held} entries in its tree, and signed for {was.size}.")
            proof = await log.consistency(was.size, head.size)
            check_consistency(was.size, head.size, was.root, head.root, proof)
        except Malformed as problem:
            raise Broken(f"The earlier checkpoint cannot be read: {problem}") from problem
        except Refuted as problem:
            raise Broken(f"The log is not the one that was signed for: {problem}") from problem
    return len(checked)


async def check_receipts(engine: Engine, receipts: Iterable[tuple[int, bytes]]) -> int:
    """Check that each entry has the leaf hash that was given for it; raises `Broken`."""
    checked = list(receipts)
    for index, leaf in checked:
        found = await engine.feeds.read(FEED, index, limit=1)
        if not found:
            raise Broken(f"The receipt of entry {index} was given, and the log ends before.")
        if leaf_hash(found[0].entry) != leaf:
            raise Broken(f"The receipt of entry {index} was given for another entry than it is.")
    return len(checked)
