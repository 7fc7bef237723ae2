"""`rempart custodian`: a custodian's own key pair, on a machine that no universe needs to reach."""

from __future__ import annotations

import hmac
import os
import sys
from pathlib import Path

import click

from rempart import memory
from rempart.cli import options
from rempart.core.clock import system_random
from rempart.trust.custody import passphrase
from rempart.trust.custody.passphrase import PassphraseProblem
from rempart.trust.custody.sealing import custodian_key
from rempart.trust.custody.sealing.custodian_key import PrivateKey, Request, SealedKey
from rempart.trust.custody.sealing.document import SealProblem

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("custodian")
def command() -> None:
    """Hold a share of a universe's root under a key of your own."""


_passphrase_option = click.option(
    "--passphrase-file", metavar="PATH", help="Of your key, or fd:N; else it is asked."
)


@command.command("new")
@click.argument("name")
@click.option(
    "--to",
    "directory",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    default=Path(),
    help="Where to write NAME.key, which stays with you, and NAME.pub, which you hand out.",
)
@_passphrase_option
@click.option("--no-passphrase", is_flag=True, help="Leave NAME.key open to whoever gets it.")
def new(name: str, directory: Path, passphrase_file: str | None, *, no_passphrase: bool) -> None:
    """Make a key pair for the custodian NAME, under a passphrase."""
    if not name.replace("-", "").replace(".", "").replace("_", "").isalnum():
        options.refuse("NAME is letters, digits, dots, hyphens and underscores: it names files.")
    key = custodian_key.new_key(name, system_random)
    kept: PrivateKey | SealedKey = key
    if not no_passphrase:
        words = _passphrase(passphrase_file, twice=True)
        kept = custodian_key.sealed_key(key, words, system_random)
    _write(directory / f"{name}.key", custodian_key.line(kept), 0o600)
    _write(directory / f"{name}.pub", custodian_key.line(key.public()), 0o644)
    click.echo(f"Keep {name}.key and a copy of it in another place; hand out {name}.pub.")


@command.command("answer")
@click.option("--key", type=_FILE, required=True, help="Your NAME.key.")
@click.option("--code", help="What the operator told you by another way; else it is asked.")
@_passphrase_option
@click.argument("request", type=_FILE)
def answer(key: Path, request: Path, code: str | None, passphrase_file: str | None) -> None:
    """Open your share for the process that asks for it, and print one line to send back.

    The answer is good for the asker alone, whoever that is: the code, which the operator reads to
    you by another way than the request came, shows that it is theirs.
    """
    memory.keep_out_of_dumps()
    try:
        asked = custodian_key.parse(request.read_bytes(), Request)
        _check(asked, code)
        held = _key(key.read_bytes(), passphrase_file)
        click.echo(custodian_key.line(custodian_key.answer(asked, held)))
    except SealProblem as problem:
        options.refuse(str(problem))


def _check(asked: Request, code: str | None) -> None:
    """Refuse a request that is not the one whose code the operator told."""
    if code is None and not sys.stdin.isatty():
        options.refuse("There is no terminal to ask for the operator's code: give --code.")
    told = code or str(click.prompt("The code that the operator told you", err=True))
    plain = "".join(filter(str.isalnum, told)).upper()
    if not hmac.compare_digest(plain.encode(), asked.code.replace("-", "").encode()):
        options.refuse(
            "This is not the request whose code the operator told you. Nothing was opened: ask "
            "them for it again, and tell them of this one."
        )


def _key(content: bytes, passphrase_file: str | None) -> PrivateKey:
    try:
        return custodian_key.parse(content, PrivateKey)
    except SealProblem:
        held = custodian_key.parse(content, SealedKey)
    return custodian_key.opened_key(held, _passphrase(passphrase_file))


def _passphrase(source: str | None, *, twice: bool = False) -> str:
    try:
        if source is not None:
            return passphrase.read(source)
        if not sys.stdin.isatty():
            options.refuse("There is no terminal to ask for the passphrase: --passphrase-file.")
        typed = click.prompt("Passphrase", hide_input=True, confirmation_prompt=twice, err=True)
        return passphrase.checked(typed)
    except PassphraseProblem as problem:
        options.refuse(str(problem))


def _write(path: Path, text: str, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except OSError as problem:
        options.refuse(f"{path} cannot be written: {problem.strerror}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n")
