"""`rempart ekm keys`: make, look at and destroy keys."""

from __future__ import annotations

from pathlib import Path

import click

from rempart.ekm.admin.actions import Document
from rempart.ekm.cli import options
from rempart.ekm.model.algorithms import NAMES, SYMMETRIC

_path = click.argument("key", metavar="v0/cryptospaces/SPACE/keys/KEY")


@click.group("keys")
def command() -> None:
    """Make, look at and destroy keys."""


@command.command("create")
@_path
@click.option("--algorithm", type=click.Choice(NAMES), default=SYMMETRIC, show_default=True)
@options.home_option
@options.data_option
@options.json_option
def _create(*, key: str, algorithm: str, home: str | None, data: Path, as_json: bool) -> None:
    """Make a key, and its crypto space where there is none."""
    wanted: Document = {"key": key, "algorithm": algorithm}
    if home:
        wanted["home"] = home
    _show(options.perform(data, "keys.create", wanted), as_json)


@command.command("list")
@options.data_option
@options.json_option
def _list(*, data: Path, as_json: bool) -> None:
    """List the keys."""
    answer = options.perform(data, "keys.list", {})
    if as_json:
        options.show_json(answer)
        return
    keys = answer["keys"]
    for key in keys if isinstance(keys, list) else []:
        click.echo(f"{key['key']}  {key['algorithm']}  {key['state']}  {key.get('home', '')}")


@command.command("show")
@_path
@options.data_option
@options.json_option
def _show_one(*, key: str, data: Path, as_json: bool) -> None:
    """Show one key, with its public half if it has one."""
    _show(options.perform(data, "keys.show", {"key": key}), as_json)


@command.command("destroy")
@_path
@click.option("--yes", is_flag=True, help="Do not ask.")
@options.data_option
@options.json_option
def _destroy(*, key: str, yes: bool, data: Path, as_json: bool) -> None:
    """Erase a key's material for good: what it wrapped is lost."""
    if not yes:
        click.confirm(f"All that {key} wrapped will be lost for ever. Destroy it?", abort=True)
    _show(options.perform(data, "keys.destroy", {"key": key}), as_json)


@command.command("set")
@_path
@click.option("--cache-seconds", type=int, required=True, help="How long a cloud may keep it.")
@options.data_option
@options.json_option
def _set(*, key: str, cache_seconds: int, data: Path, as_json: bool) -> None:
    """Set how long a cloud may keep what the key unwrapped."""
    _show(options.perform(data, "keys.set", {"key": key, "cacheSeconds": cache_seconds}), as_json)


def _show(answer: Document, as_json: bool) -> None:  # noqa: FBT001 - the option's own value
    if as_json:
        options.show_json(answer)
        return
    for name, value in answer.items():
        click.echo(f"{name}: {value}")
