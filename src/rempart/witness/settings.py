"""The settings of one witness: `DIR/witness.toml`, made by `rempart witness init`.

An unknown key refuses the start. Secrets are named by path or descriptor, or asked for.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

from rempart.core.address import Address, parse_address
from rempart.tlog.text import is_key_name

FORMAT = 1
FILE_NAME = "witness.toml"
DEFAULT_LISTEN = "127.0.0.1:8447"
OWN_TLS, NO_TLS = "own", "none"
NAME_BYTES_MAX = 255

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|[0-9a-f:]{2,45}")


class SettingsProblem(Exception):  # noqa: N818 - it is named for what it is
    """A setting that refuses the start; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, checked."""

    name: str
    """Name of the cosigning keys: a URL without scheme. Fixed by init."""
    host: str
    """Name of this machine, which its own certificate carries."""
    listen: Address
    tls: str
    """`own` certificate, `none` behind a proxy that ends TLS, or a PEM file with key and chain."""
    passphrase_file: str
    """Where the passphrase is read, a path or `fd:NUMBER`; empty asks on the terminal."""
    key_file: str
    """The key file in place of a passphrase; empty where there is a passphrase."""


def toml(settings: Settings) -> str:
    """Return the text of the file for these settings."""
    return f"""\
# Settings of this witness, written by `rempart witness init`. An unknown key refuses the start.

# Version of this data directory. Never edit it.
format = {FORMAT}

# Name of the cosigning keys. Fixed by init.
name = {_quoted(settings.name)}

# Name of this machine, which its own certificate carries.
host = {_quoted(settings.host)}

# Where logs and auditors reach it.
listen = {_quoted(str(settings.listen))}

# "own": the certificate that init made, to be pinned. A path: a PEM file (mode 0600) with a key and
# its chain. "none": plain HTTP, behind a proxy on this machine that ends TLS.
tls = {_quoted(settings.tls)}

# Where the passphrase is read: a path, or fd:NUMBER. Empty: asked on the terminal.
passphrase_file = {_quoted(settings.passphrase_file)}

# The key file, in place of a passphrase. Keep it on other storage than this directory.
key_file = {_quoted(settings.key_file)}
"""


def load(data: Path) -> Settings:
    """Return the settings of a data directory."""
    path = data / FILE_NAME
    if not path.is_file():
        raise SettingsProblem(f"There is no witness in {data}. Make one: rempart witness init")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise SettingsProblem(f"{path} cannot be read: {problem}.") from problem
    if table.pop("format", None) != FORMAT:
        raise SettingsProblem(f"{path}: format is not {FORMAT}, the one that this version knows.")
    if table.keys() != _KEYS:
        known = ", ".join(sorted(_KEYS))
        odd = min(table.keys() ^ _KEYS)
        raise SettingsProblem(f"{path}: {odd!r} is unknown or missing. Known: {known}.")
    if not all(isinstance(value, str) for value in table.values()):
        raise SettingsProblem(f"{path}: every setting but format is a text in quotes.")
    return checked(**table)


def checked(
    *, name: str, host: str, listen: str, tls: str, passphrase_file: str = "", key_file: str = ""
) -> Settings:
    """Return settings, or refuse the first that is wrong."""
    if not is_key_name(name) or len(name.encode()) > NAME_BYTES_MAX:
        raise SettingsProblem(f"name is {name!r}: give a URL without scheme, spaces and plus.")
    if not _HOST.fullmatch(host):
        raise SettingsProblem(f"host is {host!r}: give a DNS name in small letters, or an address.")
    at = parse_address(listen)
    if at is None:
        raise SettingsProblem(f"listen is {listen!r}: give HOST:PORT, such as {DEFAULT_LISTEN}.")
    if tls == NO_TLS and not at.loopback:
        raise SettingsProblem("tls is 'none': then listen is an address of this machine only.")
    if passphrase_file and key_file:
        raise SettingsProblem("passphrase_file and key_file: give one of them.")
    for setting, text in (("tls", tls), ("key_file", key_file)):
        if text not in {"", OWN_TLS, NO_TLS} and not Path(text).is_absolute():
            raise SettingsProblem(f"{setting} is {text!r}: give a path from the root.")
    return Settings(name, host, at, tls, passphrase_file, key_file)


_KEYS = frozenset(field.name for field in fields(Settings))


def _quoted(text: str) -> str:
    if not text.isprintable() or '"' in text or "\\" in text:
        raise SettingsProblem(f"{text!r}: a setting has no quotes, backslashes and controls.")
    return f'"{text}"'
