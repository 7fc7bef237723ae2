"""`rempart ekm enrol`: let the first officers in."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from rempart.core.clock import system_random
from rempart.core.errors import CloudError
from rempart.core.signing.keys import Signatory, base64url
from rempart.ekm.admin.actions import Document
from rempart.ekm.administration.statements import Enrolment
from rempart.ekm.administration.steps import enrolled
from rempart.ekm.cli import options, signing
from rempart.ekm.officers.desk import NONCE_BYTES
from rempart.ekm.opened import AskPassphrase

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
    answer = enrol(data, enrolment(officer, quorum))
    if as_json:
        options.show_json(answer)
        return
    click.echo(f"{quorum or 1} of {len(officer)} officers decide from now on.")
    click.echo(f"This manager is {answer['manager']}.")


def enrol(data: Path, text: str, ask: AskPassphrase = options.ask_passphrase) -> Document:
    """Let officers in by their enrolment."""
    return options.perform(data, "officers.enrol", {"enrolment": text}, ask)


def enrolment(files: tuple[Path, ...], quorum: int | None) -> str:
    """Return the text that officers begin with, by their public parts; warn where one is alone.

    Refuses, before anything is changed, what no manager would take.
    """
    if quorum is None and len(files) > 1:
        options.refuse("--quorum: say how many of these officers decide.")
    text = _enrolment(tuple(signing.signatory(path) for path in files), quorum or 1)
    try:
        state = enrolled(text)
    except CloudError as problem:
        options.refuse(problem.message)
    if state.quorum == 1:
        click.echo(ALONE, err=True)
    return text


def _enrolment(people: tuple[Signatory, ...], quorum: int) -> str:
    nonce = base64url(system_random(NONCE_BYTES))
    begun = Enrolment(officers=people, quorum=quorum, nonce=nonce)
    return msgspec.json.encode(begun).decode()
