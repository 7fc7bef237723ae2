"""Whether what was signed of the log is the log: found out offline, without the sealing secret.

The log's lines are walked once. At the sizes that were signed for, the tree over them must have the
roots that were signed; the cache on disk must be that tree; and the published checkpoint must have
the cosignatures that a policy wants.
"""

from __future__ import annotations

from pathlib import Path

from rempart.cosigners.quorum import POLICY_FILE
from rempart.ekm.record.chain import Line
from rempart.ekm.record.segments import LogBroken
from rempart.ekm.tree import files
from rempart.ekm.tree.files import CHECKPOINT, HEAD, TreeFiles, files_of
from rempart.ekm.tree.secret import Salts
from rempart.tlog.checkpoint import Checkpoint, parse_checkpoint
from rempart.tlog.errors import Malformed, Refuted
from rempart.tlog.growth import Growth
from rempart.tlog.keys import VerifierKey
from rempart.tlog.note import Note, parse_note
from rempart.tlog.policy import Policy, parse_policy
from rempart.tlog.text import HASH_BYTES
from rempart.tlog.tree import leaf_hash

_ENTRIES_COMPARED = 1 << 16


class TreeCheck:
    """A walk along the log. Raises `LogBroken` at the first thing that is not as it was signed."""

    def __init__(self, kept: TreeFiles, key: VerifierKey, policy: Policy | None) -> None:
        self._files = kept
        self._salts = Salts(kept.salt_key())
        self._growth = Growth()
        # Read before the log is: a manager that runs signs for no line that is not there.
        self._published = _note(kept, CHECKPOINT, key)
        self._signed = [it[1] for it in (self._published, _note(kept, HEAD, key)) if it]
        self.key = key
        self.size = max((it.size for it in self._signed), default=0)
        self.published = self._published[1].size if self._published else 0
        self.cosignatures = self._cosignatures(policy)

    def take(self, line: Line) -> None:
        """Take the log's next line into account."""
        if line.index >= self.size:
            return
        self._growth.append([leaf_hash(self._salts.entry(line.index, line.hash))])
        for seen in self._signed:
            if seen.size == self._growth.size and seen.root != self._growth.root():
                raise LogBroken(f"its first {seen.size} entries are not those that were signed for")
        if self._growth.size == self.size or self._growth.size % _ENTRIES_COMPARED == 0:
            self._compare()

    def finish(self, count: int) -> None:
        """Say that the log has so many lines."""
        if count < self.size:
            raise LogBroken(f"it has {count} entries, and {self.size} were signed for")

    def _compare(self) -> None:
        for tile, content in self._growth.written():
            try:
                kept = self._files.tile(tile)
            except Malformed:
                kept = b""
            if kept != content:
                raise LogBroken(
                    f"{tile.path} of the tree is not that of the log; stopped, the manager makes it"
                    f" anew without {self._files.directory / 'entries'}"
                )

    def _cosignatures(self, policy: Policy | None) -> int:
        if policy is None or self._published is None:
            return 0
        try:
            return len(policy.check(self._published[0]).cosignatures)
        except (Malformed, Refuted) as problem:
            raise LogBroken(f"the published checkpoint is not believed: {problem}") from None


def tree_check(data: Path, policy_file: Path | None) -> TreeCheck | None:
    """Return the check of a data directory's newest log; None where none was begun.

    Without a policy given, the manager's own counts, if there is one. Raises `LogBroken`.
    """
    kept = newest(data)
    key = kept.key() if kept else None
    if kept is None or key is None:
        return None
    own = data / POLICY_FILE
    path = policy_file or (own if own.exists() else None)
    return TreeCheck(kept, key, read_policy(path) if path else None)


def newest(data: Path) -> TreeFiles | None:
    """Return the files of the log that was begun last."""
    numbers = files.numbers(data)
    return files_of(data, numbers[-1]) if numbers else None


def read_policy(path: Path) -> Policy:
    """Return the policy of a file; raises `LogBroken`."""
    try:
        return parse_policy(path.read_bytes())
    except (OSError, Malformed) as problem:
        raise LogBroken(f"the policy {path} cannot be used: {problem}") from problem


def _note(kept: TreeFiles, name: str, key: VerifierKey) -> tuple[Note, Checkpoint] | None:
    """Return what was signed; raises `LogBroken` for what is there and is not the log's."""
    path = kept.directory / name
    try:
        note = parse_note(path.read_bytes())
        note.opened([key])
        seen = parse_checkpoint(note.text)
    except FileNotFoundError:
        return None
    except (Malformed, Refuted) as problem:
        raise LogBroken(f"{path} does not hold: {problem}") from problem
    if seen.origin != key.name or len(seen.root) != HASH_BYTES:
        raise LogBroken(f"{path} is of another log")
    return note, seen
