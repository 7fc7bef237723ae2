"""What is checked of a bundle, in this order; nothing is trusted but the policy that is passed in.

1. The checkpoint is signed by a log of the policy, and cosigned by its quorum.
2. Each opening opens a commitment; they are of the bundle's parent, and within its span.
3. The bundle has exactly the tiles that it needs, and each follows from the checkpoint's root.
4. The hash of each commitment is in the tree at its index.
5. The statements named in the bundle cover its span without a gap, and each has count and digest of
   what is there; no other statement of a project says less than what is there.
6. Each outcome ends an intent of its own request.
7. Each receipt is the hash of its entry in the tree.
8. The tree continues each earlier checkpoint (`held.py`), and those of other bundles.
9. Each use of an external key is in its holder's log, and each in that log is here (`cross.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from hmac import compare_digest
from pathlib import Path

from rempart.tlog.checkpoint import Checkpoint
from rempart.tlog.commitment import commitment
from rempart.tlog.errors import Malformed, Refuted
from rempart.tlog.note import Note
from rempart.tlog.policy import Policy, Witnessed
from rempart.tlog.tree import leaf_hash
from rempart.verifier.bundle import OPENINGS, Bundle, Line, size_of
from rempart.verifier.cross import Cross, crossed
from rempart.verifier.findings import Check, Findings
from rempart.verifier.held import check_earlier, check_receipts
from rempart.verifier.leaf import NOT_JSON, Leaf, decode
from rempart.verifier.receipts import Receipt
from rempart.verifier.rows import Pairs, Rows
from rempart.verifier.statements import check_coverage, check_others
from rempart.verifier.tree import authenticate, leaf_at, needed

_PARENTS = ("projects/", "folders/", "organizations/")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a verifier brings: whom it trusts, and what it holds from before.

    Without a policy the bundle's own is taken, which is the sender's word alone. `holders` are the
    folders of key holders' logs.
    """

    policy: Policy | None = None
    receipts: tuple[Receipt, ...] = ()
    earlier: tuple[Note, ...] = ()
    holders: tuple[Path, ...] = ()


def verify(bundle: Bundle, asked: Asked) -> Findings:
    """Check a bundle that could be read."""
    found = Findings()
    policy = asked.policy or bundle.hint
    seen = _checkpoint(bundle, policy, found.check("checkpoint"))
    if seen is None:
        return found
    rows, pairs = Rows(), Pairs(bundle.manifest.start, bundle.manifest.to)
    manifest = bundle.manifest
    cross = Cross(manifest.parent, manifest.start, manifest.to)
    _openings(bundle, found, rows, pairs, cross)
    if not found.ok or not _tree(bundle, rows, seen, found.check("tree")):
        return found
    _inclusion(bundle, rows, seen, found.check("inclusion"))
    check_coverage(bundle.manifest, rows, found.check("complete"))
    check_others(bundle.manifest, rows, found.check("statements"), found.notes)
    receipts = tuple(dict.fromkeys((*bundle.receipts, *asked.receipts)))
    check_receipts(bundle, receipts, seen, rows, found.check("receipts"))
    earlier = tuple({one.text: one for one in (*bundle.earlier, *asked.earlier)}.values())
    check_earlier(bundle, earlier, policy, seen, found.check("earlier"))
    if asked.holders:
        crossed(cross, asked.holders, found.check("cross"))
    _note(pairs, found)
    return found


def _checkpoint(bundle: Bundle, policy: Policy, told: Check) -> Checkpoint | None:
    try:
        witnessed = policy.check(bundle.note)
        bundle.hint.check(bundle.note)
    except (Malformed, Refuted) as problem:
        told.wrong(str(problem))
        return None
    seen = witnessed.checkpoint
    told.shows = f"{seen.origin}, {seen.size} entries, {_signed(witnessed)}"
    if max(bundle.manifest.to, *map(size_of, bundle.earlier), 0) > seen.size:
        told.wrong(f"The bundle speaks of more entries than the {seen.size} of its checkpoint.")
        return None
    return seen


def _signed(witnessed: Witnessed) -> str:
    cosigned = {one.key.name for one in witnessed.cosignatures}
    return f"cosigned by {', '.join(sorted(cosigned))}" if cosigned else "signed by the log alone"


def _openings(bundle: Bundle, found: Findings, rows: Rows, pairs: Pairs, cross: Cross) -> None:
    told, paired = found.check("openings"), found.check("intents")
    statements, manifest = frozenset(bundle.manifest.statements), bundle.manifest
    if not manifest.parent.startswith(_PARENTS):
        told.wrong(f"{manifest.parent[:80]!r} is no project, folder or organization.")
    try:
        for line in bundle.lines():
            leaf = _leaf(line)
            committed = commitment(line.salt, line.leaf.encode())
            rows.add(line.index, committed, leaf)
            cross.note(line.index, leaf_hash(committed), leaf)
            found.tally.add(leaf)
            if not manifest.start <= line.index < manifest.to and line.index not in statements:
                told.wrong(f"Entry {line.index} is outside of what the bundle says it holds.")
            if not _is_of(leaf, manifest.parent):
                told.wrong(f"Entry {line.index} is of {leaf.container!r}.")
            if fault := pairs.fault(line.index, leaf):
                paired.wrong(fault)
    except Malformed as problem:
        told.wrong(str(problem))
    told.shows = f"{len(rows)} entries, each opens"
    paired.shows = f"{pairs.paired} outcomes, each ends its intent"


def _leaf(line: Line) -> Leaf:
    try:
        return decode(line.leaf)
    except NOT_JSON as problem:
        message = f"{OPENINGS}: entry {line.index} is not a leaf: {problem}."
        raise Malformed(message) from None


def _is_of(leaf: Leaf, parent: str) -> bool:
    """Tell whether an entry can be of a parent; what lies in a folder is not told offline."""
    return leaf.container == parent or (bool(leaf.container) and not parent.startswith("projects/"))


def _tree(bundle: Bundle, rows: Rows, seen: Checkpoint, told: Check) -> bool:
    beyond = [it for it in (*rows.indices[-1:], *_indices(bundle)) if it >= seen.size]
    if beyond:
        told.wrong(f"The tree of {seen.size} entries has no entry {beyond[0]}.")
        return False
    indices = [*rows.indices, *_indices(bundle)]
    due = needed(seen.size, indices, map(size_of, bundle.earlier))
    for tile in sorted(due - bundle.tiles.keys()):
        told.wrong(f"{tile.path} is missing.")
    for tile in sorted(bundle.tiles.keys() - due):
        told.wrong(f"{tile.path} has no place in this bundle.")
    try:
        if told.ok:
            authenticate(seen.size, seen.root, bundle.tiles)
    except (Malformed, Refuted) as problem:
        told.wrong(str(problem))
    told.shows = f"{len(bundle.tiles)} tiles under the root"
    return told.ok


def _indices(bundle: Bundle) -> list[int]:
    return [one.index for one in bundle.receipts]


def _inclusion(bundle: Bundle, rows: Rows, seen: Checkpoint, told: Check) -> None:
    for index, committed in rows.commitments():
        if not compare_digest(leaf_hash(committed), leaf_at(index, seen.size, bundle.tiles)):
            told.wrong(f"What is said to open entry {index} does not: the log has another there.")
    told.shows = f"{len(rows)} entries in the tree"


def _note(pairs: Pairs, found: Findings) -> None:
    if pairs.open:
        found.notes.append(
            f"{len(pairs.open)} intents have no outcome: the call failed or goes on."
        )
    if pairs.before:
        found.notes.append(f"{pairs.before} outcomes end intents from before the bundle.")
