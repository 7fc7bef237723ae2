"""`rempart hsm`: keys in the token that no key version refers to, and their removal."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import click

from rempart import durable
from rempart.cli import instance, options, quorum
from rempart.core.errors import CloudError
from rempart.engine.seam import EngineError
from rempart.trust.custody.keyring import Keyring, RootKeyProblem
from rempart.trust.custody.sealing import files
from rempart.trust.custody.sealing.document import SealProblem


@click.command("hsm")
@options.data_option
@options.requests_option
@options.json_option
@click.option("--remove", multiple=True, metavar="ID", help="Destroy this left-over key for good.")
@click.pass_context
def command(
    context: click.Context,
    data: Path,
    requests: Path | None,
    remove: tuple[str, ...],
    *,
    as_json: bool,
) -> None:
    """List keys that a crash left over in the token; the universe must be stopped.

    Where the universe is sealed, it asks for shares.

    After a backup was put back, look closely: what seems left over may belong to a key version that
    the backup does not know.
    """
    config = options.existing(data)
    if config.hsm is None:
        options.refuse("rempart.toml has no [hsm]: there is no token.")
    operations = options.operations(context)
    try:
        with instance.hold(data):
            elsewhere = options.elsewhere(context, data, config)
            keyring = Keyring(quorum.root_of(data, files.find(data), requests, elsewhere))
            found = asyncio.run(operations.left_over(data, config, keyring, remove))
    except durable.InUse:
        options.refuse_in_use(data, "The token was not looked at: stop the universe first.")
    except (RootKeyProblem, SealProblem, EngineError) as problem:
        options.refuse(f"The universe does not open: {problem}")
    except CloudError as problem:
        options.refuse(problem.message)
    if as_json:
        options.show_json({"leftOver": [dataclasses.asdict(one) for one in found]})
        return
    for one in found:
        click.echo(f"{'removed' if one.removed else 'left over'} {one.id} {one.label}")
    if not found:
        click.echo("Every key of this universe in the token belongs to a key version.")
