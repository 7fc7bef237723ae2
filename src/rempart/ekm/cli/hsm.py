"""`rempart ekm hsm`: objects in the token that are no key's, and their removal."""

from __future__ import annotations

import asyncio
import dataclasses
import getpass
from pathlib import Path

import click

from rempart import durable
from rempart.core.clock import World
from rempart.core.errors import CloudError
from rempart.ekm import settings
from rempart.ekm.cli import options
from rempart.ekm.left_over import Found, look
from rempart.ekm.opened import open_data
from rempart.ekm.record.segments import LogBroken
from rempart.standalone.sealing import SealingProblem


@click.command("hsm")
@options.data_option
@options.json_option
@click.option(
    "--remove",
    multiple=True,
    metavar="ID",
    help="Destroy this left-over key for good, where no officers decide.",
)
def command(*, data: Path, as_json: bool, remove: tuple[str, ...]) -> None:
    """List keys that a crash left over in the token; the key holder must be stopped.

    After a backup was put back, look closely: what seems left over may be a key that the backup
    does not know.
    """
    try:
        chosen = settings.load(data)
        if chosen.hsm is None:
            options.refuse("No token is set up: ekm.toml has no [hsm].")
        with durable.hold(data):
            found = asyncio.run(_look(data, chosen, remove))
    except durable.InUse:
        options.refuse("The token was not looked at: stop the key holder first.")
    except CloudError as problem:
        options.refuse(problem.message)
    except (settings.SettingsProblem, SealingProblem, LogBroken) as problem:
        options.refuse(str(problem))
    if as_json:
        options.show_json({"leftOver": [dataclasses.asdict(one) for one in found]})
        return
    for one in found:
        click.echo(f"{'removed' if one.removed else 'left over'} {one.id} {one.label}")
    if not found:
        click.echo("Everything of this key holder in the token is one of its keys.")


async def _look(data: Path, chosen: settings.Settings, remove: tuple[str, ...]) -> list[Found]:
    opened = open_data(data, chosen, World(), ask=options.ask_passphrase)
    try:
        return await look(opened, remove, getpass.getuser())
    finally:
        await opened.close()
