"""`rempart rekey`: change who opens a universe, with the consent of those who open it now."""

from __future__ import annotations

from pathlib import Path

import click

from rempart.cli import options, quorum, seals
from rempart.trust.custody.keyring import RootKeyProblem
from rempart.trust.custody.sealing import files
from rempart.trust.custody.sealing.document import HeldKey, SealProblem


@click.command("rekey")
@options.data_option
@options.seal_options("--to", seals.WAYS)
@options.certificate_option
@options.requests_option
@click.pass_context
def command(  # noqa: PLR0913, PLR0917 - one for each option
    context: click.Context,
    data: Path,
    spec: str,
    custodians: tuple[Path, ...],
    shares_to: Path | None,
    certificate: Path | None,
    requests: Path | None,
) -> None:
    """Seal the root in a new way; the universe may run meanwhile, and no data is rewritten.

    The shares of before do not open the new file. With a copy of the old file they still open that
    copy, and what was copied with it.
    """
    reached = options.elsewhere(context, data, options.existing(data))
    try:
        asked = seals.Asked(spec, custodians, shares_to, certificate)
        seal = seals.chosen(asked, reached)
        before = files.find(data)
        if before is None and isinstance(seal, seals.InTheClear):
            options.refuse("The root is in a file already.")
        keep = seal.hand_out(quorum.root_of(data, before, requests, reached))
        with files.alone(data):
            if files.find(data) != before:
                options.refuse("Somebody else changed how the root is kept; nothing was done.")
            keep(data)
        if before is not None and isinstance(before.opened_by, HeldKey):
            _forget(before.opened_by, reached)
    except (SealProblem, RootKeyProblem) as problem:
        options.refuse(str(problem))
    click.echo(f"Done: the root of {data} is now kept by {spec}.")


def _forget(held: HeldKey, reached: quorum.Reached) -> None:
    """Destroy the token's key of before: what it sealed, and every copy of that, is then dead."""
    try:
        quorum.at(reached, lambda there: there.forget(held))
    except SealProblem as problem:
        click.echo(f"The key of before is still in the token: {problem}", err=True)
