"""`rempart proof`: collects what shows a project's own people their entries of the log."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from rempart import durable
from rempart.cli import options
from rempart.cli.collecting import Log, NotCollected, Wanted, collect
from rempart.cli.token import signed
from rempart.tlog.checkpoint import parse_checkpoint
from rempart.tlog.errors import Malformed
from rempart.tlog.note import NOTE_BYTES_MAX, parse_note
from rempart.tlog.policy import parse_policy
from rempart.verifier.bundle import open_bundle, size_of
from rempart.verifier.checks import Asked
from rempart.verifier.command import read, verified
from rempart.verifier.making import write_bundle
from rempart.verifier.receipts import RECEIPTS_BYTES_MAX, parse_receipts

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("proof")
def command() -> None:
    """Collect proofs out of the log of a universe."""


@command.command("fetch")
@click.option("--parent", required=True, help="projects/P, folders/F or organizations/O.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--since", type=click.IntRange(min=0), default=0, help="From this entry on.")
@click.option("--receipts", type=_FILE, help="Receipts to have tied to the log, one a line.")
@click.option(
    "--checkpoint",
    "earlier",
    type=_FILE,
    multiple=True,
    help="An earlier checkpoint or bundle that the log is to be shown to continue.",
)
@click.option("--url", envvar="REMPART_URL", required=True, help="Where the universe answers.")
@click.option(
    "--key",
    type=_FILE,
    envvar="GOOGLE_APPLICATION_CREDENTIALS",
    required=True,
    help="The key file of who may read the data access logs.",
)
@click.option("--authorities", type=_FILE, envvar="REQUESTS_CA_BUNDLE", help="PEM to trust.")
def fetch(  # noqa: PLR0913 - one for each option
    *,
    parent: str,
    out: Path,
    since: int,
    receipts: Path | None,
    earlier: tuple[Path, ...],
    url: str,
    key: Path,
    authorities: Path | None,
) -> None:
    """Collect the entries of a parent, all that ties them to the log, into one file.

    The variables of `rempart env` say where, as whom, and whom to trust.
    """
    if out.exists():
        options.refuse(f"{out} is there already.")
    try:
        told = parse_receipts(read(receipts, RECEIPTS_BYTES_MAX)) if receipts else ()
        sizes = tuple(sorted({_size(path) for path in earlier}))
        log = Log(url, signed(key), authorities)
        with tempfile.TemporaryDirectory(dir=out.parent) as folder:
            made = Path(folder, "bundle")
            collected = collect(log, Wanted(parent, since, told, sizes), Path(folder))
            with made.open("xb") as file:
                write_bundle(file, collected, log.tile)
            made.chmod(0o600)
            found = verified(made, Asked(parse_policy(collected.policy), told)).found
            made.rename(out)
            durable.sync_directory(out.parent)
    except (NotCollected, Malformed, OSError) as problem:
        options.refuse(str(problem))
    for check in found.checks:
        click.echo("\n".join(check.lines()))
    click.echo(f"{out} is signed by {log.key}: trust that key only if you have it from elsewhere.")
    raise SystemExit(0 if found.ok else 1)


def _size(path: Path) -> int:
    """Return the size of the tree that a checkpoint or a bundle is about."""
    with path.open("rb") as file:
        bundled = file.read(2) == b"PK"
    if bundled:
        return size_of(open_bundle(path))
    return parse_checkpoint(parse_note(read(path, NOTE_BYTES_MAX)).text).size
