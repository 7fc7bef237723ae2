"""Options and answers that the commands share."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TypeVar

import click

from rempart.standalone.sealing import SealingProblem, checked
from rempart.witness.keys import KeysProblem
from rempart.witness.logs import LogsProblem
from rempart.witness.record import RecordProblem
from rempart.witness.settings import SettingsProblem

Decorated = TypeVar("Decorated", bound=Callable[..., object])

data_option: Callable[[Decorated], Decorated] = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path, resolve_path=True),
    default=Path("witness-data"),
    envvar="REMPART_WITNESS_DATA",
    show_default="./witness-data",
    metavar="DIR",
    help="The witness's data directory, its only state.",
)

json_option: Callable[[Decorated], Decorated] = click.option(
    "--json", "as_json", is_flag=True, help="Answer in JSON."
)


def refuse(message: str) -> NoReturn:
    """Say why the command is refused, and end with exit code 1."""
    raise click.ClickException(message)


@contextmanager
def refusing() -> Iterator[None]:
    """Say in one sentence what is wrong with a data directory, in place of a traceback."""
    try:
        yield
    except (SettingsProblem, SealingProblem, KeysProblem, LogsProblem, RecordProblem) as problem:
        refuse(str(problem))
    except OSError as problem:
        refuse(f"{problem.filename or 'The data directory'}: {problem.strerror}.")


def show_json(value: Mapping[str, object]) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(value, indent=2))


def printable(words: str) -> str:
    """Show what a terminal would act on: nobody may hide something from whoever reads."""
    return "".join(it if it.isprintable() else ascii(it)[1:-1] for it in words)


def ask_passphrase(*, twice: bool = False) -> str:
    """Ask for the passphrase on the terminal; refuses where there is none."""
    if not sys.stdin.isatty():
        refuse("There is no terminal to ask for the passphrase: set passphrase_file or key_file.")
    what = "Passphrase of the witness"
    return checked(click.prompt(what, hide_input=True, confirmation_prompt=twice, err=True))
