"""`rempart ekm officer`: the keys of officers and approvers, on their own machines."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from rempart.core.clock import system_random
from rempart.ekm.cli import options, signing
from rempart.ekm.officers import key_file
from rempart.ekm.officers.key_file import KeyFileProblem


@click.group("officer")
def command() -> None:
    """Make and show the key that an officer or an approver signs with."""


@command.command("new")
@click.option("--name", required=True, help="How the others know you.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="[default: NAME.key]")
@click.option("--p256", is_flag=True, help="A P-256 key (ES256) in place of Ed25519.")
@signing.passphrase_option
@options.json_option
def _new(
    *, name: str, out: Path | None, p256: bool, officer_passphrase_file: str, as_json: bool
) -> None:
    """Make a key. The file stays with you; `officer public` prints what the others register."""
    path = out or Path(f"{name}.key")
    try:
        words = signing.passphrase(officer_passphrase_file, twice=True)
        made = key_file.create(path, name, words, system_random, p256=p256)
    except (KeyFileProblem, msgspec.ValidationError) as problem:
        options.refuse(str(problem))
    if as_json:
        options.show_json({"file": str(path), "name": name, "keyId": made.key.id})
        return
    click.echo(f"Made the key {made.key.id} of {name} in {path}. Keep the file to yourself.")
    click.echo(f"Give the others its public part:  rempart ekm officer public {path}")


@command.command("public")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def _public(*, file: Path) -> None:
    """Print the public part of a key file, which is what others register."""
    click.echo(msgspec.json.encode(signing.signatory(file)).decode())
