"""`rempart witness init`: make a witness's data directory."""

from __future__ import annotations

import shlex
import socket
from pathlib import Path

import click

from rempart.core.clock import World
from rempart.standalone import identity, sealing
from rempart.trust.custody.passphrase import SALT_BYTES
from rempart.witness import keys, settings
from rempart.witness.cli import options
from rempart.witness.opened import check_new, create


@click.command("init")
@options.data_option
@click.option("--name", required=True, help="Of its keys: witness.example.org/w1.")
@click.option("--host", metavar="NAME", help="Name that callers ask for.  [default: this host's]")
@click.option("--listen", metavar="HOST:PORT", default=settings.DEFAULT_LISTEN, show_default=True)
@click.option("--tls", default=settings.OWN_TLS, show_default=True, metavar="own|none|FILE")
@click.option("--passphrase-file", default="", metavar="PATH", help="Or fd:N; else it is asked.")
@click.option("--key-file", default="", metavar="PATH", help="Make a key file, no passphrase.")
@options.json_option
def command(  # noqa: PLR0913 - each is one option
    *,
    data: Path,
    name: str,
    host: str | None,
    listen: str,
    tls: str,
    passphrase_file: str,
    key_file: str,
    as_json: bool,
) -> None:
    """Make a witness: its keys, its certificate, its empty list of logs."""
    with options.refusing():
        check_new(data)
        chosen = settings.checked(
            name=name,
            host=host or socket.getfqdn().lower(),
            listen=listen,
            tls=tls,
            passphrase_file=_absolute(passphrase_file),
            key_file=_absolute(key_file),
        )
        world = World()
        create(data, chosen, _seal(chosen, world), world)
        public = [key.text for key in keys.public(data)]
        certificate = identity.load(data)
    if as_json:
        options.show_json({"data": str(data), "keys": public, "certificate": certificate.pem})
        return
    click.echo(f"Made the witness {name} in {data}. It knows no log.")
    click.echo(f"Publish its keys: {data / keys.PUBLIC_NAME}")
    where = shlex.join(("--data", str(data)))
    click.echo(f"Next:  rempart witness add-log VKEY {where}  and  rempart witness up {where}")


def _seal(chosen: settings.Settings, world: World) -> sealing.Seal:
    salt = world.random(SALT_BYTES)
    if chosen.key_file:
        sealing.create_file(Path(chosen.key_file), world.random)
        return sealing.from_file(Path(chosen.key_file), salt)
    if chosen.passphrase_file:
        return sealing.from_passphrase(sealing.read_passphrase(chosen.passphrase_file), salt)
    return sealing.from_passphrase(options.ask_passphrase(twice=True), salt)


def _absolute(path: str) -> str:
    return path if not path or path.startswith("fd:") else str(Path(path).absolute())
