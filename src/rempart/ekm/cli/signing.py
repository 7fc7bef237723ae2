"""Options of the commands that sign: whose key, and where its passphrase comes from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from rempart.core.signing.keys import PrivateKey, Signatory
from rempart.ekm.cli import options
from rempart.ekm.officers import key_file
from rempart.ekm.officers.key_file import KeyFile, KeyFileProblem
from rempart.standalone.sealing import SealingProblem, read_passphrase

Decorated = TypeVar("Decorated", bound=Callable[..., object])

passphrase_option: Callable[[Decorated], Decorated] = click.option(
    "--officer-passphrase-file",
    default="",
    metavar="PATH",
    help="Where the passphrase of your key is read: a path, or fd:N.  [default: asked]",
)

officer_option: Callable[[Decorated], Decorated] = click.option(
    "--officer",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    envvar="REMPART_EKM_OFFICER",
    metavar="FILE",
    help="Your key file, from `rempart ekm officer new`.",
)


def passphrase(source: str, *, twice: bool = False) -> str:
    """Return the passphrase of somebody's key, read or asked for."""
    try:
        if source:
            return read_passphrase(source)
        return options.ask_passphrase(
            twice=twice, what="Passphrase of your key", instead="--officer-passphrase-file"
        )
    except SealingProblem as problem:
        options.refuse(str(problem))


def opened(path: Path, source: str) -> tuple[KeyFile, PrivateKey]:
    """Return somebody's key file and the key in it."""
    try:
        held = key_file.load(path)
        return held, held.open(passphrase(source))
    except KeyFileProblem as problem:
        options.refuse(str(problem))


def signatory(path: Path) -> Signatory:
    """Return the public part of somebody's key file."""
    try:
        return key_file.signatory(path)
    except KeyFileProblem as problem:
        options.refuse(str(problem))
