"""Options and answers that several commands share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn, TypeVar

import click

from rempart import config
from rempart.cli import instance
from rempart.trust.custody.sealing.seam import Elsewhere
from rempart.universe import Operations

DUTIES_ADVICE = (
    "Correct it, or put the file before the edit back: until then the universe does not start, "
    "and one that runs keeps the rules that it started with."
)
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


requests_option: Callable[[Decorated], Decorated] = click.option(
    "--requests",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where shares are sealed to custodians' keys: write what to send to each.",
)


certificate_option: Callable[[Decorated], Decorated] = click.option(
    "--certificate",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The key holder's certificate (PEM), the only one that is then believed.",
)


def seal_options(name: str, ways: str) -> Callable[[Decorated], Decorated]:
    """Return the options that say how a root is to be kept."""
    spec = click.option(name, "spec", required=True, metavar="WAY", help=ways)
    custodians = click.option(
        "--custodian",
        "custodians",
        multiple=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="A custodian's public key, once for each: shares are sealed to them, and not shown.",
    )
    shares_to = click.option(
        "--shares-to",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="Write each share to a file instead of showing it: a medium that is carried away.",
    )
    return lambda command: spec(custodians(shares_to(command)))


def refuse(message: str) -> NoReturn:
    """Say why the command is refused, and end with exit code 1."""
    raise click.ClickException(message)


def refuse_in_use(data: Path, advice: str) -> NoReturn:
    """Say which universe runs on the directory, and end with the code for trying again later."""
    other = instance.running(data)
    who = "another process" if other is None else f"pid {other.pid}, https://{other.listen}"
    message = f"Error: a universe already runs on {data} ({who}). It is unharmed. {advice}"
    click.echo(message, err=True)
    raise SystemExit(instance.IN_USE_CODE)


def existing(data: Path) -> config.Config:
    """Return the settings of a universe that has been created, or refuse."""
    if not config.exists(data):
        refuse(f"There is no universe in {data}. Create one: rempart up --data {data}")
    try:
        return config.load(data, config.Flags())
    except config.ConfigProblem as problem:
        refuse(str(problem))


def reachable(data: Path) -> tuple[config.Config, str]:
    """Return the settings of a universe, and what is wrong with its separation of duties, if so.

    For commands that only say where it is: a file that refuses its next start does not stop them.
    """
    if not config.exists(data):
        refuse(f"There is no universe in {data}. Create one: rempart up --data {data}")
    try:
        settings, problem = config.load_apart(data, config.Flags())
    except config.ConfigProblem as wrong:
        refuse(str(wrong))
    return settings, f"{problem} {DUTIES_ADVICE}" if problem else ""


def operations(context: click.Context) -> Operations:
    """Return what the wiring offers; imports the whole universe, so ask for it late."""
    offered: Callable[[], Operations] = context.obj
    return offered()


def elsewhere(
    context: click.Context, data: Path, settings: config.Config
) -> Callable[[], Elsewhere]:
    """Return what reaches the keys elsewhere that open a root, once it is needed."""
    return lambda: operations(context).elsewhere(data, settings)


def show_json(value: Mapping[str, object]) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(value, indent=2))
