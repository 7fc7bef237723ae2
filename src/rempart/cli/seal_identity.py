"""`rempart seal-identity`: who a sealed universe is to the key holder that opens it."""

from __future__ import annotations

from pathlib import Path

import click

from rempart.cli import options
from rempart.core.clock import system_clock, system_random
from rempart.trust.custody.keyring import RootKeyProblem
from rempart.trust.identity import seal_identity


@click.command("seal-identity")
@options.data_option
def command(data: Path) -> None:
    """Make the identity if there is none, and print its JWK set for the key holder.

    The issuer is https://accounts.seal.DOMAIN; see docs/operating.md, Sealing.
    """
    config = options.existing(data)
    try:
        seal_identity.create(data, system_random)
        issuer = seal_identity.issuer(data, config.domain, system_clock)
    except RootKeyProblem as problem:
        options.refuse(str(problem))
    options.show_json(issuer.keys())
