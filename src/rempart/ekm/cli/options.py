"""Options and answers that the commands share, and how they reach what is held."""

from __future__ import annotations

import asyncio
import getpass
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn, TypeVar

import click

from rempart import durable
from rempart.core.clock import World
from rempart.core.errors import CloudError
from rempart.ekm import settings
from rempart.ekm.admin import socket
from rempart.ekm.admin.actions import Document
from rempart.ekm.model.holdings import HOMES
from rempart.ekm.opened import AskPassphrase, open_data
from rempart.ekm.record.segments import LogBroken
from rempart.standalone.sealing import SealingProblem, checked

Decorated = TypeVar("Decorated", bound=Callable[..., object])

data_option: Callable[[Decorated], Decorated] = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path, resolve_path=True),
    default=Path("ekm-data"),
    envvar="REMPART_EKM_DATA",
    show_default="./ekm-data",
    metavar="DIR",
    help="The key holder's data directory, its only state.",
)

home_option: Callable[[Decorated], Decorated] = click.option(
    "--in",
    "home",
    type=click.Choice(HOMES),
    help="Where it is made.  [default: the token, where ekm.toml names one]",
)

json_option: Callable[[Decorated], Decorated] = click.option(
    "--json", "as_json", is_flag=True, help="Answer in JSON."
)


def refuse(message: str) -> NoReturn:
    """Say why the command is refused, and end with exit code 1."""
    raise click.ClickException(message)


def show_json(value: Mapping[str, object]) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(value, indent=2))


def printable(words: str) -> str:
    """Show what a terminal would act on: nobody may hide something from whoever reads."""
    return "".join(
        character if character.isprintable() or character == "\n" else ascii(character)[1:-1]
        for character in words
    )


def ask_passphrase(
    *,
    twice: bool = False,
    what: str = "Passphrase of the key holder",
    instead: str = "passphrase_file or key_file in ekm.toml",
) -> str:
    """Ask for a passphrase on the terminal; refuses, naming what to set, where there is none."""
    if not sys.stdin.isatty():
        refuse(f"There is no terminal to ask for the passphrase: set {instead}.")
    return checked(click.prompt(what, hide_input=True, confirmation_prompt=twice, err=True))


def perform(
    data: Path, action: str, arguments: Document, ask: AskPassphrase = ask_passphrase
) -> Document:
    """Have an action done: by the manager that runs on the data directory, or else here."""
    try:
        chosen = settings.load(data)
        try:
            with durable.hold(data):
                return asyncio.run(_perform_here(data, chosen, action, arguments, ask))
        except durable.InUse:
            return socket.call(data, action, arguments)
    except CloudError as problem:
        refuse(problem.message)
    except (settings.SettingsProblem, SealingProblem, LogBroken) as problem:
        refuse(str(problem))


async def _perform_here(
    data: Path,
    chosen: settings.Settings,
    action: str,
    arguments: Document,
    ask: AskPassphrase,
) -> Document:
    opened = open_data(data, chosen, World(), ask=ask)
    try:
        await opened.office.resume()
        return await opened.command(action, arguments, getpass.getuser())
    finally:
        await opened.close()
