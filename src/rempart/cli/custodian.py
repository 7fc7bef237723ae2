"""`rempart custodian`: a custodian's own key pair, on a machine that no universe needs to reach."""

from __future__ import annotations

import os
from pathlib import Path

import click

from rempart import memory
from rempart.cli import options
from rempart.core.clock import system_random
from rempart.trust.custody.sealing import custodian_key
from rempart.trust.custody.sealing.custodian_key import PrivateKey, Request
from rempart.trust.custody.sealing.document import SealProblem

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("custodian")
def command() -> None:
    """Hold a share of a universe's root under a key of your own."""


@command.command("new")
@click.argument("name")
@click.option(
    "--to",
    "directory",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    default=Path(),
    help="Where to write NAME.key, which stays with you, and NAME.pub, which you hand out.",
)
def new(name: str, directory: Path) -> None:
    """Make a key pair for the custodian NAME."""
    if not name.replace("-", "").replace(".", "").replace("_", "").isalnum():
        options.refuse("NAME is letters, digits, dots, hyphens and underscores: it names files.")
    key = custodian_key.new_key(name, system_random)
    for suffix, message, mode in (("key", key, 0o600), ("pub", key.public(), 0o644)):
        path = directory / f"{name}.{suffix}"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        except OSError as problem:
            options.refuse(f"{path} cannot be written: {problem.strerror}.")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(custodian_key.line(message) + "\n")
    click.echo(f"Keep {name}.key and a copy of it in another place; hand out {name}.pub.")


@command.command("answer")
@click.option("--key", type=_FILE, required=True, help="Your NAME.key.")
@click.argument("request", type=_FILE)
def answer(key: Path, request: Path) -> None:
    """Open your share for the process that asks for it, and print one line to send back.

    Ask the operator by another way whether they sent the request: the answer is good for the asker
    alone, whoever that is.
    """
    memory.keep_out_of_dumps()
    try:
        held = custodian_key.parse(key.read_bytes(), PrivateKey)
        asked = custodian_key.parse(request.read_bytes(), Request)
        click.echo(custodian_key.line(custodian_key.answer(asked, held)))
    except SealProblem as problem:
        options.refuse(str(problem))
