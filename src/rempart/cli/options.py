"""Options and answers that several commands share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn, TypeVar

import click

from rempart import config
from rempart.universe import Operations

Decorated = TypeVar("Decorated", bound=Callable[..., object])

data_option: Callable[[Decorated], Decorated] = click.option(
    "--data",
    # Resolved once, here: children of ours run in other folders.
    type=click.Path(file_okay=False, path_type=Path, resolve_path=True),
    default=Path("data"),
    envvar="REMPART_DATA",
    show_default="./data",
    metavar="DIR",
    help="The universe's data directory, its only state.",
)

json_option: Callable[[Decorated], Decorated] = click.option(
    "--json", "as_json", is_flag=True, help="Answer in JSON."
)


def refuse(message: str) -> NoReturn:
    """Say why the command is refused, and end with exit code 1."""
    raise click.ClickException(message)


def existing(data: Path) -> config.Config:
    """Return the settings of a universe that has been created, or refuse."""
    if not config.exists(data):
        refuse(f"There is no universe in {data}. Create one: rempart up --data {data}")
    try:
        return config.load(data, config.Flags())
    except config.ConfigProblem as problem:
        refuse(str(problem))


def operations(context: click.Context) -> Operations:
    """Return what the wiring offers; imports the whole universe, so ask for it late."""
    offered: Callable[[], Operations] = context.obj
    return offered()


def show_json(value: Mapping[str, object]) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(value, indent=2))
