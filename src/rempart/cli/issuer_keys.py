"""`rempart issuer-keys`: the public keys by which others believe this universe's tokens."""

from __future__ import annotations

from pathlib import Path

import click

from rempart.cli import options
from rempart.trust.custody.keyring import RootKeyProblem


@click.command("issuer-keys")
@options.data_option
@click.pass_context
def command(context: click.Context, data: Path) -> None:
    """Print the JWK set that an external key manager needs, to be taken there by hand.

    A manager that can reach the universe may fetch it instead, from
    https://accounts.DOMAIN/oauth2/v3/certs.
    """
    config = options.existing(data)
    try:
        options.show_json(options.operations(context).issuer_keys(data, config))
    except RootKeyProblem as problem:
        options.refuse(str(problem))
