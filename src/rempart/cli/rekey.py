"""`rempart rekey`: change who opens a universe, with the consent of those who open it now."""

from __future__ import annotations

from pathlib import Path

import click

from rempart.cli import options, quorum, seals
from rempart.trust.custody.keyring import RootKeyProblem
from rempart.trust.custody.sealing import files
from rempart.trust.custody.sealing.document import SealProblem


@click.command("rekey")
@options.data_option
@options.seal_options("--to")
@options.requests_option
def command(
    data: Path,
    spec: str,
    custodians: tuple[Path, ...],
    shares_to: Path | None,
    requests: Path | None,
) -> None:
    """Seal the root in a new way; the universe may run meanwhile, and no data is rewritten.

    The shares of before do not open the new file. With a copy of the old file they still open that
    copy, and what was copied with it.
    """
    options.existing(data)
    try:
        seal = seals.chosen(spec, custodians, shares_to)
        before = files.find(data)
        if before is None and isinstance(seal, seals.InTheClear):
            options.refuse("The root is in a file already.")
        root = quorum.root_of(data, before, requests)
        keep = seal.hand_out(root)
        with files.alone(data):
            if files.find(data) != before:
                options.refuse("Somebody else changed how the root is kept; nothing was done.")
            keep(data)
    except (SealProblem, RootKeyProblem) as problem:
        options.refuse(str(problem))
    click.echo(f"Done: the root of {data} is now kept by {spec}.")
