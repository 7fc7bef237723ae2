"""`rempart ekm spaces`: make and list crypto spaces."""

from __future__ import annotations

from pathlib import Path

import click

from rempart.ekm.cli import options


@click.group("spaces")
def command() -> None:
    """Make and list crypto spaces, in which a cloud may be let create keys."""


@command.command("create")
@click.argument("space", metavar="v0/cryptospaces/SPACE")
@options.data_option
@options.json_option
def _create(*, space: str, data: Path, as_json: bool) -> None:
    """Make an empty crypto space."""
    answer = options.perform(data, "spaces.create", {"space": space})
    if as_json:
        options.show_json(answer)
    else:
        click.echo(f"Made {space}.")


@command.command("list")
@options.data_option
@options.json_option
def _list(*, data: Path, as_json: bool) -> None:
    """List the crypto spaces."""
    spaces = options.perform(data, "keys.list", {})["spaces"]
    if as_json:
        options.show_json({"spaces": spaces})
        return
    for space in spaces if isinstance(spaces, list) else []:
        click.echo(space)
