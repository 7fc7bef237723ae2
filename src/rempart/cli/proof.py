"""`rempart proof`: collects what shows a project's own people their entries of the log."""

from __future__ import annotations

import os
import tempfile
from functools import partial
from pathlib import Path

import click

from rempart import durable
from rempart.cli import options
from rempart.cli.collecting import COVERED_SECONDS, Log, NotCollected, Wanted, collect
from rempart.cli.reaching import universe_options
from rempart.cli.token import signed
from rempart.tlog.errors import Malformed, Refuted
from rempart.tlog.policy import POLICY_BYTES_MAX
from rempart.verifier.bundle import read_checkpoint
from rempart.verifier.checks import Asked
from rempart.verifier.command import verified
from rempart.verifier.findings import Findings, verdict
from rempart.verifier.making import write_bundle
from rempart.verifier.options import read, read_receipts

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("proof")
def command() -> None:
    """Collect proofs out of the log of a universe."""


@command.command("fetch")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--project", metavar="ID", help="Whose entries; of `rempart env` unless told.")
@click.option("--folder", metavar="NUMBER", help="Of a folder, and all below it.")
@click.option("--organization", metavar="NUMBER", help="Of an organization, and all below it.")
@click.option("--start", type=click.IntRange(min=0), default=0, help="From this entry on.")
@click.option(
    "--receipts",
    type=_FILE,
    help="Receipts to have tied to the log, as `rempart verify` takes them.",
)
@click.option(
    "--since",
    "earlier",
    type=_FILE,
    multiple=True,
    metavar="CHECKPOINT",
    help="An earlier checkpoint or bundle that the log is to be shown to continue.",
)
@click.option("--policy", type=_FILE, help="Put in this policy, not the operator's.")
@click.option(
    "--wait",
    type=click.IntRange(min=0),
    default=int(COVERED_SECONDS),
    show_default=True,
    metavar="SECONDS",
    help="How long for a checkpoint of it all.",
)
@universe_options
def fetch(  # noqa: PLR0913 - one for each option
    *,
    out: Path,
    receipts: Path | None,
    earlier: tuple[Path, ...],
    policy: Path | None,
    start: int,
    wait: int,
    url: str,
    key: Path,
    **parents: str | None,
) -> None:
    """Collect the entries of a parent, all that ties them to the log, into one file.

    It takes a credential that may read the parent's data access logs.
    """
    if out.exists():
        options.refuse(f"{out} is there already.")
    try:
        wanted = Wanted(
            _parent(**parents),
            start,
            read_receipts(receipts),
            tuple(read_checkpoint(path) for path in earlier),
            read(policy, POLICY_BYTES_MAX) if policy else b"",
        )
        log = Log(url, signed(key), wait, partial(click.echo, err=True))
        found = _fetched(log, wanted, out)
    except (NotCollected, Malformed, Refuted, OSError) as problem:
        options.refuse(str(problem))
    for check in found.checks:
        click.echo("\n".join(check.lines()))
    raise SystemExit(verdict(found.checks))


def _fetched(log: Log, wanted: Wanted, out: Path) -> Findings:
    """Write the bundle, readable by its owner alone, and check it as its reader will."""
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        made = Path(folder, "bundle")
        collected = collect(log, wanted, Path(folder))
        with made.open("xb") as file:
            write_bundle(file, collected, log.tile)
            file.flush()
            os.fsync(file.fileno())
        made.chmod(0o600)
        found = verified(made, Asked()).found
        made.rename(out)
        durable.sync_directory(out.parent)
    return found


def _parent(
    project: str | None = None, folder: str | None = None, organization: str | None = None
) -> str:
    named = {"projects": project, "folders": folder, "organizations": organization}
    told = [f"{noun}/{name}" for noun, name in named.items() if name]
    if not told and (own := os.environ.get("GOOGLE_CLOUD_PROJECT")):
        told = [f"projects/{own}"]
    if len(told) != 1:
        options.refuse("Say whose entries: --project, --folder or --organization, one of them.")
    return told[0]
