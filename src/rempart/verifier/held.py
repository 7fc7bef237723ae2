"""What somebody holds from before against a bundle: receipts, checkpoints, other bundles."""

from __future__ import annotations

from collections.abc import Sequence

from rempart.tlog.checkpoint import Checkpoint, parse_checkpoint
from rempart.tlog.errors import Malformed, Refuted
from rempart.tlog.note import Note
from rempart.tlog.policy import Policy
from rempart.verifier.bundle import Bundle
from rempart.verifier.findings import Check
from rempart.verifier.leaf import PRUNED, decode
from rempart.verifier.receipts import Receipt
from rempart.verifier.rows import Rows
from rempart.verifier.tree import Tiles, Untied, check_continues, leaf_at, needed


def check_receipts(
    bundle: Bundle, receipts: Sequence[Receipt], seen: Checkpoint, rows: Rows, told: Check
) -> None:
    """Check that the tree has what each receipt says, and the bundle what it opens.

    Whether a receipt of an entry that is not opened is of somebody else's, only its holder knows.
    """
    span = range(bundle.manifest.start, bundle.manifest.to)
    told.shows = f"{len(receipts)} receipts, each in the tree" if receipts else "none to check"
    for one in receipts:
        if one.index >= seen.size:
            told.undecided(f"{one.text} is beyond this checkpoint of {seen.size} entries.")
        elif not needed(seen.size, [one.index]) <= bundle.tiles.keys():
            told.undecided(f"{one.text}: the bundle has no tile for it; fetch it with --receipts.")
        elif one.leaf != leaf_at(one.index, seen.size, bundle.tiles):
            told.wrong(f"{one.text} was given, and the log has another entry there.")
        elif one.index in span and not rows.has(one.index):
            told.undecided(
                f"{one.text} is in the tree and not among the entries: it is not of"
                f" {bundle.manifest.parent}, was pruned, or is withheld."
            )


def check_earlier(
    bundle: Bundle, earlier: Sequence[Note], policy: Policy, now: Checkpoint, told: Check
) -> None:
    """Check that the tree continues each checkpoint that the log signed before."""
    told.shows = "no earlier checkpoint to compare with"
    keys = [log.key for log in policy.logs]
    sizes = []
    for note in earlier:
        try:
            was = parse_checkpoint(note.text)
            if was.origin != now.origin:
                told.wrong(
                    f"The earlier checkpoint is of another log: {was.origin}, not {now.origin}."
                )
                continue
            note.opened(keys)
        except (Malformed, Refuted) as problem:
            told.wrong(f"The earlier checkpoint is not one of this log: {problem}")
            continue
        sizes.append(str(was.size))
        _continues(was, now, bundle.tiles, told)
    if sizes:
        told.shows = f"the tree continues the one of {' and '.join(sizes)} entries"


def check_pair(older: Bundle, newer: Bundle, *, trusting: bool) -> Check:
    """Check that two bundles, each verified by itself, show one tree; the smaller comes first.

    Unless the reader trusts a policy (`trusting`), each was verified by the key in it alone: two
    keys are then two senders' words, and say nothing of the log.

    Each signed tree is shown by the tiles of its own bundle. A tile of both that is not the same in
    both is two histories, and so is a proof between them that does not hold.
    """
    was, now = parse_checkpoint(older.note.text), parse_checkpoint(newer.note.text)
    told = Check("one history", f"the tree of {now.size} entries continues the one of {was.size}")
    if was.origin != now.origin:
        told.wrong(f"The bundles are of two logs, {was.origin} and {now.origin}.")
        return told
    if not trusting and not _keys(older) & _keys(newer):
        told.undecided("The bundles are signed by two keys: pass --policy with those of the log.")
        return told
    for path in _differing(older, newer):
        told.wrong(
            f"The log has signed two histories, of {was.size} and of {now.size} entries: {path} of"
            " the one is not in the other."
        )
    if told.ok:
        _continues(was, now, {**older.tiles, **newer.tiles}, told)
    if told.ok and older.manifest.parent == newer.manifest.parent:
        _still_opened(older, newer, told)
    return told


def _still_opened(older: Bundle, newer: Bundle, told: Check) -> None:
    """Check that the newer bundle opens what the older one did, as far as its span goes.

    Only reads and refusals are ever pruned, after the retention time that the operator set.
    """
    span = range(newer.manifest.start, newer.manifest.to)
    opened, pruned = {line.index for line in newer.lines()}, 0
    for line in older.lines():
        if line.index not in span or line.index in opened:
            continue
        kind = decode(line.leaf).kind
        if kind in PRUNED:
            pruned += 1
        else:
            told.wrong(f"Entry {line.index}, of the kind {kind}, was opened then, and is withheld.")
    if pruned:
        told.undecided(
            f"{pruned} reads or refusals that were opened then are not now: pruned, or withheld."
        )


def _keys(bundle: Bundle) -> set[str]:
    return {log.key.text for log in bundle.hint.logs}


def _differing(older: Bundle, newer: Bundle) -> list[str]:
    """Return the tiles of both that are not the same as far as both go."""
    wider = {(it.level, it.index): content for it, content in sorted(newer.tiles.items())}
    found = []
    for tile, content in sorted(older.tiles.items()):
        other = wider.get((tile.level, tile.index), content)
        shared = min(len(content), len(other))
        if content[:shared] != other[:shared]:
            found.append(tile.path)
    return found


def _continues(was: Checkpoint, now: Checkpoint, tiles: Tiles, told: Check) -> None:
    try:
        if now.size < was.size:
            told.undecided(
                f"The bundle's tree of {now.size} entries is older than the one of {was.size}:"
                " fetch a newer bundle."
            )
            return
        check_continues(was.size, was.root, now.size, now.root, tiles)
    except Untied as problem:
        told.undecided(str(problem))
    except Refuted:
        told.wrong(
            f"The log has signed two histories: its tree of {now.size} entries does not continue"
            f" the one of {was.size}."
        )
