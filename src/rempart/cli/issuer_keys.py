"""`rempart issuer-keys`: the public keys by which others believe this universe's tokens."""

from __future__ import annotations

from pathlib import Path

import click

from rempart.cli import options, quorum
from rempart.trust.custody.keyring import Keyring, RootKeyProblem
from rempart.trust.custody.sealing import files
from rempart.trust.custody.sealing.document import SealProblem


@click.command("issuer-keys")
@options.data_option
@options.requests_option
@click.pass_context
def command(context: click.Context, data: Path, requests: Path | None) -> None:
    """Print the JWK set that an external key manager needs, to be taken there by hand.

    A manager that can reach the universe may fetch it instead, from
    https://accounts.DOMAIN/oauth2/v3/certs. Where the universe is sealed, it asks for shares.
    """
    config = options.existing(data)
    try:
        keyring = Keyring(
            quorum.root_of(
                data, files.find(data), requests, options.elsewhere(context, data, config)
            )
        )
        options.show_json(options.operations(context).issuer_keys(config, keyring))
    except (RootKeyProblem, SealProblem) as problem:
        options.refuse(str(problem))
