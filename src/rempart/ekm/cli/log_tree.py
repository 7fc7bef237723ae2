"""`rempart ekm log --key`, `--checkpoint`, `--prove`, `--check`: the log's tree, offline."""

from __future__ import annotations

from pathlib import Path

import click

from rempart.ekm.cli import options
from rempart.ekm.opened import LOG
from rempart.ekm.record.segments import LogBroken
from rempart.ekm.tree.checked import newest, read_policy
from rempart.ekm.tree.files import CHECKPOINT, TreeFiles
from rempart.ekm.tree.opening import check as checked
from rempart.ekm.tree.opening import prove as proved
from rempart.tlog.errors import Malformed, Refuted
from rempart.tlog.keys import VerifierKey

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def show_key(data: Path) -> None:
    """Print what the log's signatures are verified with."""
    click.echo(_begun(data)[1].text)


def show_checkpoint(data: Path) -> None:
    """Print the published checkpoint, as it is."""
    kept, key = _begun(data)
    found = kept.note(CHECKPOINT, key)
    if found is None:
        options.refuse("No checkpoint was published yet. Why: rempart ekm status")
    click.echo(found[0].encode(), nl=False)


def prove(data: Path, index: int, *, closed: bool) -> None:
    """Print the proof that an entry is under the published checkpoint."""
    kept, _ = _begun(data)
    try:
        found = proved(data / LOG, kept, index, closed=closed)
    except LogBroken as problem:
        options.refuse(f"The log does not verify: {problem}")
    except (Malformed, Refuted) as problem:
        options.refuse(f"Entry {index} cannot be proved: {problem}")
    click.echo(found.encode(), nl=False)


def check(file: Path, policy: Path | None, *, as_json: bool) -> None:
    """Check a proof by a policy alone, and print the entry that it shows."""
    if policy is None:
        options.refuse("Give the policy that says whom you believe: --policy FILE")
    try:
        index, witnessed, content = checked(file.read_bytes(), read_policy(policy))
    except (LogBroken, Malformed, Refuted) as problem:
        options.refuse(f"The proof does not hold: {problem}")
    seen, by = witnessed.checkpoint, len(witnessed.cosignatures)
    if as_json:
        told = {"log": seen.origin, "index": index, "size": seen.size, "cosignatures": by}
        options.show_json({"verified": True, **told, "entry": content.decode()})
        return
    click.echo(f"Entry {index} of {seen.origin}, in a tree of {seen.size}, cosigned {by} times:")
    click.echo(options.printable(content.decode()))


def _begun(data: Path) -> tuple[TreeFiles, VerifierKey]:
    kept = newest(data)
    key = kept.key() if kept else None
    if kept is None or key is None:
        options.refuse(f"No log was begun in {data}. Start the manager: rempart ekm up")
    return kept, key
