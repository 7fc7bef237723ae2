"""A witness's data directory: made once, private; opened by one process."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rempart import durable
from rempart.core.clock import World
from rempart.standalone import identity, sealing
from rempart.tlog.keys import Signer
from rempart.witness import keys, logs, settings
from rempart.witness.desk import Desk
from rempart.witness.history import History
from rempart.witness.record import DIRECTORY, Record

AskPassphrase = Callable[[], str]


@dataclass(frozen=True, slots=True)
class Opened:
    """A witness with its secret: what it signs with, and its desk."""

    data: Path
    settings: settings.Settings
    signers: tuple[Signer, ...]
    desk: Desk


def check_new(data: Path) -> None:
    """Refuse a directory that holds anything."""
    if data.is_dir() and any(data.iterdir()):
        raise settings.SettingsProblem(
            f"{data} is not empty. A witness is made in a new directory."
        )


def create(data: Path, chosen: settings.Settings, seal: sealing.Seal, world: World) -> None:
    """Make a data directory; its settings come last, so that half of one is none."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    data.chmod(0o700)
    (data / DIRECTORY).mkdir(mode=0o700)
    identity.create(data, chosen.host, world.clock())
    logs.create(data)
    keys.create(data, chosen.name, seal, world.random)
    durable.replace(data / settings.FILE_NAME, settings.toml(chosen).encode())


def open_data(data: Path, world: World, ask: AskPassphrase) -> Opened:
    """Open a witness with its secret; its directory is held by the caller."""
    chosen = settings.load(data)
    signers = keys.load(data, chosen.name, _opener(chosen, ask))
    record = Record.open(data, tuple(signer.key for signer in signers))
    desk = Desk(logs.LogsFile(data), signers, record, History(data), world.clock)
    return Opened(data, chosen, signers, desk)


def tls(data: Path, chosen: settings.Settings) -> ssl.SSLContext | None:
    """Return how the witness speaks TLS, or None where a proxy does."""
    if chosen.tls == settings.NO_TLS:
        return None
    if chosen.tls == settings.OWN_TLS:
        return identity.context(data, "")
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        made.load_cert_chain(chosen.tls)
    except (OSError, ssl.SSLError) as problem:
        raise settings.SettingsProblem(f"tls is {chosen.tls}: {problem}.") from None
    return made


def _opener(chosen: settings.Settings, ask: AskPassphrase) -> keys.Opener:
    if chosen.key_file:
        return partial(sealing.from_file, Path(chosen.key_file))
    if chosen.passphrase_file:
        return partial(sealing.from_passphrase, sealing.read_passphrase(chosen.passphrase_file))
    return partial(sealing.from_passphrase, ask())
