"""`rempart ekm enrol`: let the first officers in."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from rempart.core.clock import system_random
from rempart.ekm.admin.actions import Document
from rempart.ekm.administration.statements import Enrolment
from rempart.ekm.cli import options, signing
from rempart.ekm.officers.desk import NONCE_BYTES
from rempart.ekm.opened import AskPassphrase
from rempart.ekm.signing.keys import Signatory, base64url

ALONE = (
    "Warning: one officer decides alone. Whoever has that key and its passphrase can adopt any "
    "policy, lift any block and destroy any key."
)


@click.command("enrol")
@click.option(
    "--officer",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    required=True,
    metavar="FILE",
    help="An officer's public part; one for each.",
)
@click.option("--quorum", type=click.IntRange(1), help="How many decide.")
@options.data_option
@options.json_option
def command(*, officer: tuple[Path, ...], quorum: int | None, data: Path, as_json: bool) -> None:
    """Let the first officers in. From then on nothing is changed without their signatures."""
    answer = enrol(data, officer, quorum)
    if as_json:
        options.show_json(answer)
        return
    click.echo(f"{quorum or 1} of {len(officer)} officers decide from now on.")
    click.echo(f"This manager is {answer['manager']}.")


def enrol(
    data: Path,
    files: tuple[Path, ...],
    quorum: int | None,
    ask: AskPassphrase = options.ask_passphrase,
) -> Document:
    """Let officers in by their public parts; warn where one decides alone."""
    if quorum is None and len(files) > 1:
        options.refuse("--quorum: say how many of these officers decide.")
    quorum = quorum or 1
    text = _enrolment(tuple(signing.signatory(path) for path in files), quorum)
    answer = options.perform(data, "officers.enrol", {"enrolment": text}, ask)
    if quorum == 1:
        click.echo(ALONE, err=True)
    return answer


def _enrolment(people: tuple[Signatory, ...], quorum: int) -> str:
    """Return the text that a manager's officers begin with."""
    nonce = base64url(system_random(NONCE_BYTES))
    begun = Enrolment(officers=people, quorum=quorum, nonce=nonce)
    return msgspec.json.encode(begun).decode()
