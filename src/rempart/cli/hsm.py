"""`rempart hsm`: keys in the token that no key version refers to, and their removal."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import click

from rempart.cli import options
from rempart.core.errors import CloudError
from rempart.engine.seam import EngineError
from rempart.trust.custody.keyring import RootKeyProblem


@click.command("hsm")
@options.data_option
@options.json_option
@click.option("--remove", multiple=True, metavar="ID", help="Destroy this left-over key for good.")
@click.pass_context
def command(context: click.Context, data: Path, remove: tuple[str, ...], *, as_json: bool) -> None:
    """List keys that a crash left over in the token; the universe must be stopped.

    After a backup was put back, look closely: what seems left over may belong to a key version that
    the backup does not know.
    """
    config = options.existing(data)
    if config.hsm is None:
        options.refuse("rempart.toml has no [hsm]: there is no token.")
    operations = options.operations(context)
    try:
        found = asyncio.run(operations.left_over(data, config, remove))
    except (RootKeyProblem, EngineError) as problem:
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
