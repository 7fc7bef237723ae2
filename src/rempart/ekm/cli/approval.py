"""`rempart ekm approval`: sign, show and verify approvals."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from rempart.core.clock import Micros, rfc3339, system_clock, system_random
from rempart.core.errors import CloudError
from rempart.core.signing.keys import base64url
from rempart.core.signing.statement import Refused
from rempart.ekm.approvals.approval import Approval, read, sign, verified
from rempart.ekm.cli import options, signing

_ID_BYTES = 16
_SECOND = 1_000_000
_token = click.argument("approval", metavar="APPROVAL|-")


@click.group("approval")
def command() -> None:
    """Vouch for requests of the cloud whose reason is not the customer's own access."""


@command.command("sign")
@click.option("--key", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True,
              metavar="FILE", help="Your key file.")  # fmt: skip
@signing.passphrase_option
@click.option("--cloud", required=True, metavar="ISSUER", help="The cloud's token issuer.")
@click.option("--project", required=True, help="The project's number.")
@click.option("--principal", required=True, help="Who may act, as the cloud names them.")
@click.option("--reason", multiple=True, required=True, help="A reason you vouch for.")
@click.option("--keys", default="", metavar="PATTERN", help="Of keys; * within a segment.")
@click.option("--target", default="", metavar="RESOURCE", help="And what is below it.")
@click.option("--minutes", type=click.IntRange(1), default=60, show_default=True)
@click.option("--uses", type=click.IntRange(1), help="For so many requests.  [default: any]")
@click.option("--detail", default="")
@click.option("--ticket", default="")
def _sign(*, key: Path, officer_passphrase_file: str, minutes: int, **said: object) -> None:
    """Print a signed approval, to be handed to whoever will ask the cloud."""
    held, private = signing.opened(key, officer_passphrase_file)
    now = system_clock() // _SECOND
    claims = {
        **said,
        "reasons": said["reason"],
        "iss": held.name,
        "jti": base64url(system_random(_ID_BYTES)),
        "iat": now,
        "exp": now + minutes * 60,
    }
    del claims["reason"]
    try:
        click.echo(sign(private, msgspec.convert(claims, Approval)))
    except CloudError as problem:
        options.refuse(problem.message)
    except msgspec.ValidationError as problem:
        options.refuse(str(problem))


@command.command("show")
@_token
@options.json_option
def _show(*, approval: str, as_json: bool) -> None:
    """Show what an approval says; nothing is verified."""
    try:
        _tell(read(_given(approval)), as_json=as_json)
    except Refused as problem:
        options.refuse(f"This is no approval: {problem}.")


@command.command("verify")
@_token
@click.option("--approver", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              multiple=True, required=True, metavar="FILE", help="A public part.")  # fmt: skip
@options.json_option
def _verify(*, approval: str, approver: tuple[Path, ...], as_json: bool) -> None:
    """Verify that one of these approvers signed it and that it has not expired."""
    try:
        found = verified(_given(approval), tuple(signing.signatory(path) for path in approver))
    except Refused as problem:
        options.refuse(f"It does not verify: {problem}.")
    if found.exp <= system_clock() // _SECOND:
        options.refuse(f"It expired at {_time(found.exp)}.")
    _tell(found, as_json=as_json)


def _given(text: str) -> str:
    return sys.stdin.read().strip() if text == "-" else text


def _tell(approval: Approval, *, as_json: bool) -> None:
    plain = msgspec.to_builtins(approval)
    if as_json:
        options.show_json(plain)
        return
    for name, value in plain.items():
        times = name in {"iat", "nbf", "exp"}
        click.echo(options.printable(f"{name}: {_time(value) if times else value}"))


def _time(seconds: int) -> str:
    return rfc3339(Micros(seconds * _SECOND))
