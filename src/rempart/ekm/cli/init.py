"""`rempart ekm init`: make a key holder's data directory."""

from __future__ import annotations

import functools
import socket
from collections.abc import Callable
from pathlib import Path

import click

from rempart.core.clock import World
from rempart.ekm import settings
from rempart.ekm.cli import options
from rempart.ekm.cli.enrol import enrol, enrolment
from rempart.ekm.opened import check_new, create
from rempart.standalone import identity, sealing
from rempart.trust.custody.passphrase import SALT_BYTES

WITHOUT_TERMINAL = "--passphrase-file or --key-file"


@click.command("init")
@options.data_option
@click.option("--host", metavar="NAME", help="Name that callers ask for.  [default: this host's]")
@click.option("--listen", metavar="HOST:PORT", default=settings.DEFAULT_LISTEN, show_default=True)
@click.option("--status", metavar="HOST:PORT", default=settings.DEFAULT_STATUS, show_default=True)
@click.option("--passphrase-file", default="", metavar="PATH", help="Or fd:N; else it is asked.")
@click.option("--key-file", default="", metavar="PATH", help="Make a key file, no passphrase.")
@click.option(
    "--officer",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    metavar="FILE",
    help="An officer's public part; one for each.",
)
@click.option("--quorum", type=click.IntRange(1), help="How many officers decide.")
@options.json_option
def command(  # noqa: PLR0913 - each is one option
    *,
    data: Path,
    host: str | None,
    listen: str,
    status: str,
    passphrase_file: str,
    key_file: str,
    officer: tuple[Path, ...],
    quorum: int | None,
    as_json: bool,
) -> None:
    """Make a key holder: its certificate, its empty sealed file, its settings."""
    world = World()
    if quorum and not officer:
        options.refuse("--quorum goes with --officer, once for each of them.")
    officers = enrolment(officer, quorum) if officer else ""
    ask = functools.cache(lambda: options.ask_passphrase(twice=True, instead=WITHOUT_TERMINAL))
    try:
        check_new(data)
        chosen = settings.checked(
            host=host or socket.getfqdn().lower(),
            listen=listen,
            status=status,
            passphrase_file=_absolute(passphrase_file),
            key_file=_absolute(key_file),
        )
        create(data, chosen, _seal(chosen, world, ask), world)
    except (settings.SettingsProblem, sealing.SealingProblem) as problem:
        options.refuse(str(problem))
    if officers:
        enrol(data, officers, ask)
    who = identity.load(data)
    if as_json:
        options.show_json({"data": str(data), "host": chosen.host, "certificate": who.pem})
        return
    click.echo(f"Made the key holder {chosen.host} in {data}. It holds no key and trusts nobody.")
    click.echo(f"Give the cloud this certificate to pin: {who.certificate}")
    if not officer:
        click.echo("Without officers nobody can adopt a policy: rempart ekm enrol --help")
    decide = "propose" if officer else "trust add"
    click.echo(f"Next:  rempart ekm up --data {data}  and  rempart ekm {decide} --help")


def _seal(chosen: settings.Settings, world: World, ask: Callable[[], str]) -> sealing.Seal:
    salt = world.random(SALT_BYTES)
    if chosen.key_file:
        sealing.create_file(Path(chosen.key_file), world.random)
        return sealing.from_file(Path(chosen.key_file), salt)
    if chosen.passphrase_file:
        return sealing.from_passphrase(sealing.read_passphrase(chosen.passphrase_file), salt)
    return sealing.from_passphrase(ask(), salt)


def _absolute(path: str) -> str:
    return path if not path or path.startswith("fd:") else str(Path(path).absolute())
