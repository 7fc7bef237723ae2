"""Settings about keys: their algorithms, the token they may live in, who else may hold them.

And whose certificates are believed outside.
"""

from __future__ import annotations

import re
import ssl
import stat
from collections.abc import Mapping
from pathlib import Path

from rempart.config.checks import LABEL, address
from rempart.config.settings import (
    ALL_ALGORITHMS,
    ANSSI_ALGORITHMS,
    RESOLVE,
    ConfigProblem,
    HSMConfig,
)
from rempart.config.table import text

TOKEN_LABEL_BYTES_MAX = 32

_HSM_KEYS = {"module", "token", "pin_file"}
_MANAGER = re.compile(rf"{LABEL}(\.{LABEL})*(:[1-9][0-9]{{0,4}})?")


def key_algorithms(path: Path, table: Mapping[str, object]) -> str:
    """Return which algorithms keys may have."""
    chosen = table.get("key_algorithms", ALL_ALGORITHMS)
    if chosen not in {ALL_ALGORITHMS, ANSSI_ALGORITHMS}:
        raise ConfigProblem(f"{path}: key_algorithms is `all` or `anssi`, not {chosen!r}.")
    return str(chosen)


def hsm(path: Path, table: object) -> HSMConfig | None:
    """Return the token that `[hsm]` names, if any."""
    if table is None:
        return None
    if not isinstance(table, dict) or table.keys() != _HSM_KEYS:
        raise ConfigProblem(f"{path}: [hsm] has the keys module, token and pin_file, no others.")
    module, pin_file = (Path(text(path, table, key)) for key in ("module", "pin_file"))
    for key, file in (("module", module), ("pin_file", pin_file)):
        if not file.is_absolute() or not file.is_file():
            raise ConfigProblem(
                f"{path}: {key} of [hsm] is {str(file)!r}: give the absolute path of a file."
            )
    if stat.S_IMODE(pin_file.stat().st_mode) & 0o077:
        raise ConfigProblem(f"{pin_file} is open to others: run `chmod 600 {pin_file}`.")
    token = text(path, table, "token")
    if not 0 < len(token.encode()) <= TOKEN_LABEL_BYTES_MAX:
        raise ConfigProblem(f"{path}: token of [hsm] is the token's label, at most 32 bytes.")
    return HSMConfig(module, token, pin_file)


def key_managers(path: Path, table: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Return the key managers that may be asked, each with where it is."""
    given = table.get("key_managers", {})
    form = 'key_managers is a table of lines such as "ekm.example.org" = "192.0.2.7:443".'
    if not isinstance(given, dict):
        raise ConfigProblem(f"{path}: {form}")
    for host, target in given.items():
        if not _MANAGER.fullmatch(host) or not isinstance(target, str):
            raise ConfigProblem(f"{path}: {form} A host has small letters, and :PORT if not 443.")
        if target != RESOLVE:
            address(target, f"{path}: key_managers, {host}")
    return tuple(given.items())


def key_manager_authorities(path: Path, table: Mapping[str, object]) -> str:
    """Return the file of more certificate authorities for key managers; empty for none."""
    return _certificates(path, table, "key_manager_authorities")


def key_manager_client(path: Path, table: Mapping[str, object]) -> str:
    """Return the file of the certificate for key managers; refused where others may read it."""
    file = _certificates(path, table, "key_manager_client")
    if file and stat.S_IMODE(Path(file).stat().st_mode) & 0o077:
        raise ConfigProblem(f"{file} holds a key and is open to others: run `chmod 600 {file}`.")
    return file


def identity_provider_authorities(path: Path, table: Mapping[str, object]) -> str:
    """Return the file of the certificate authorities of identity providers; empty for none."""
    return _certificates(path, table, "identity_provider_authorities")


def authorities(path: Path, table: Mapping[str, object]) -> str:
    """Return the file of certificate authorities that a table names; empty for none."""
    return _certificates(path, table, "authorities")


def _certificates(path: Path, table: Mapping[str, object], key: str) -> str:
    """Return a file of certificates by its full path, tried; empty where none is named."""
    if key not in table:
        return ""
    named = text(path, table, key)
    file = path.parent / named
    if not file.is_file():
        raise ConfigProblem(f"{path}: {key} names {file}, which is no file.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if key == "key_manager_client":
            context.load_cert_chain(file)
        else:
            context.load_verify_locations(file)
    except ssl.SSLError as problem:
        raise ConfigProblem(f"{path}: {key}: {file} is not what TLS can use.") from problem
    return str(file)
