"""`rempart witness add-log`: know one more log."""

from __future__ import annotations

from pathlib import Path

import click

from rempart.witness import logs, settings
from rempart.witness.cli import introduction, options


@click.command("add-log")
@click.argument("vkey")
@options.data_option
@options.json_option
def command(*, vkey: str, data: Path, as_json: bool) -> None:
    """Cosign for the log of this verifier key; a running witness takes it up by itself.

    A log that changes its key has two for a while: add the new one, then remove the old.
    """
    with options.refusing():
        chosen = settings.load(data)
        added = logs.add(data, vkey)
        told = introduction.invitation(data, chosen)
    if as_json:
        options.show_json({"origin": added.key.name, "key": added.key.text, "invitation": told})
        return
    click.echo(f"Knows the log {options.printable(added.key.name)}.")
    if told:
        click.echo(f"Its operator has it cosigned here by:  {told}")
