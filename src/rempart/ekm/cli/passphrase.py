"""`rempart ekm passphrase`: another secret that the keys are sealed under."""

from __future__ import annotations

import asyncio
import functools
import getpass
from pathlib import Path

import click

from rempart import durable
from rempart.core.clock import World
from rempart.core.errors import CloudError
from rempart.ekm import settings
from rempart.ekm.cli import options
from rempart.ekm.keys.store import Opener
from rempart.ekm.opened import open_data
from rempart.ekm.record.segments import LogBroken
from rempart.standalone import sealing


@click.command("passphrase")
@options.data_option
@click.option("--passphrase-file", default="", metavar="PATH", help="Of the new one; else asked.")
@click.option("--key-file", default="", metavar="PATH", help="Make a new key file instead.")
@options.json_option
def command(*, data: Path, passphrase_file: str, key_file: str, as_json: bool) -> None:
    """Seal the keys under another passphrase or key file; the key holder must be stopped.

    Copies of keys.sealed from before still open with the old secret: destroy them, or the keys.
    """
    if passphrase_file and key_file:
        options.refuse("Give --passphrase-file or --key-file, not both.")
    new_passphrase, new_key = _absolute(passphrase_file), _absolute(key_file)
    try:
        chosen = settings.load(data)
        with durable.hold(data):
            opener = _opener(new_passphrase, new_key)
            asyncio.run(_reseal(data, chosen, opener))
            settings.name_secret(data, passphrase_file=new_passphrase, key_file=new_key)
    except durable.InUse:
        options.refuse("The key holder runs: stop it first.")
    except CloudError as problem:
        options.refuse(problem.message)
    except (settings.SettingsProblem, sealing.SealingProblem, LogBroken) as problem:
        options.refuse(str(problem))
    if as_json:
        options.show_json({"data": str(data), "sealed": True})
        return
    click.echo("Sealed under the new secret. Copies from before still open with the old one.")


def _opener(passphrase_file: str, key_file: str) -> Opener:
    """Return what makes the new seal; asks for the new secret, or makes the key file."""
    if key_file:
        sealing.create_file(Path(key_file), World().random)
        return functools.partial(sealing.from_file, Path(key_file))
    if passphrase_file:
        new = sealing.read_passphrase(passphrase_file)
    else:
        instead = "--passphrase-file or --key-file"
        new = options.ask_passphrase(twice=True, what="The new passphrase", instead=instead)
    return functools.partial(sealing.from_passphrase, new)


async def _reseal(data: Path, chosen: settings.Settings, opener: Opener) -> None:
    opened = open_data(data, chosen, World(), ask=options.ask_passphrase)
    try:
        who = getpass.getuser()
        await opened.record("admin", verb="reseal", stage="intent", detail={"who": who})
        await opened.store.reseal(opener)
        generation = opened.store.holdings.generation
        await opened.record(
            "admin", verb="reseal", status=200, generation=generation, detail={"who": who}
        )
    finally:
        await opened.close()


def _absolute(path: str) -> str:
    return str(Path(path).absolute()) if path else ""
