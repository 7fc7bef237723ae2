"""`rempart witness remove-log`: know one log less."""

from __future__ import annotations

from pathlib import Path

import click

from rempart.witness import logs, settings
from rempart.witness.cli import options


@click.command("remove-log")
@click.argument("vkey")
@options.data_option
def command(*, vkey: str, data: Path) -> None:
    """Cosign no more what this verifier key signs; what was cosigned stays on record."""
    with options.refusing():
        settings.load(data)
        logs.remove(data, vkey)
    click.echo("The key is removed.")
