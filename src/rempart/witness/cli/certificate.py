"""`rempart witness certificate`: what callers pin, or a new one."""

from __future__ import annotations

from pathlib import Path

import click

from rempart.core.clock import World
from rempart.standalone import identity
from rempart.witness import settings
from rempart.witness.cli import options


@click.command("certificate")
@options.data_option
@click.option("--renew", is_flag=True, help="Make a new one, which counts from the next start.")
@options.json_option
def command(*, data: Path, renew: bool, as_json: bool) -> None:
    """Print the witness's own certificate as PEM; every log that pins it must pin a new one."""
    with options.refusing():
        chosen = settings.load(data)
        if renew:
            identity.create(data, chosen.host, World().clock())
        own = identity.load(data)
    if as_json:
        options.show_json({"pem": own.pem, "sha256": own.fingerprint, "ends": own.ends.isoformat()})
        return
    click.echo(own.pem, nl=False)
