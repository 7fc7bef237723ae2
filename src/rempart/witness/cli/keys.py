"""`rempart witness keys`: what to publish."""

from __future__ import annotations

from pathlib import Path

import click

from rempart.standalone import identity
from rempart.witness import keys, settings
from rempart.witness.cli import options


@click.command("keys")
@options.data_option
@options.json_option
def command(*, data: Path, as_json: bool) -> None:
    """Show the verifier keys, Ed25519 and ML-DSA-44, and with --json the certificate to pin."""
    with options.refusing():
        settings.load(data)
        public = [key.text for key in keys.public(data)]
        certificate = identity.load(data)
    if as_json:
        options.show_json({"keys": public, "certificate": certificate.pem})
        return
    for key in public:
        click.echo(key)
