"""`rempart witness up`: run the witness until it is told to stop."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from rempart import durable, memory
from rempart.core.address import Address
from rempart.core.clock import World
from rempart.standalone import identity
from rempart.witness import settings
from rempart.witness.cli import introduction, options
from rempart.witness.opened import Opened, open_data
from rempart.witness.run import serve

IN_USE_CODE = 75
"""EX_TEMPFAIL: the directory is in use; trying again later may succeed."""


@click.command("up")
@options.data_option
def command(data: Path) -> None:
    """Run the witness."""
    try:
        with options.refusing():
            settings.load(data)
            with durable.hold(data):
                memory.keep_out_of_dumps()
                opened = open_data(data, World(), options.ask_passphrase)
                asyncio.run(serve(opened, lambda ready: _greet(opened, ready)))
    except durable.InUse:
        click.echo(f"Error: a witness already runs on {data}. It is unharmed.", err=True)
        raise SystemExit(IN_USE_CODE) from None
    click.echo("Stopped.")


def _greet(opened: Opened, ready: Address) -> None:
    chosen = opened.settings
    own = identity.load(opened.data) if chosen.tls == settings.OWN_TLS else None
    proof = f", certificate {own.fingerprint}" if own else ""
    click.echo(f"Ready: {introduction.url(chosen, ready.port)}, witness {chosen.name}{proof}.")
    click.echo(f"It listens on {ready}{', behind a proxy' * (chosen.tls == settings.NO_TLS)}.")
    if own:
        ends = own.ends
        days = (ends - ends.now(ends.tzinfo)).days
        if days < identity.WARN_DAYS:
            click.echo(
                f"Warning: the certificate ends in {days} days: rempart witness certificate --renew"
            )
    sys.stdout.flush()
