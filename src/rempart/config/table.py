"""Reads the table of `rempart.toml`: its keys, all known and none missing, and their types."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from rempart.config.settings import ConfigProblem

FORMAT = 1
"""Version of the data directory; a higher number on disk refuses the start."""

FILE_NAME = "rempart.toml"

_KEYS = frozenset(
    {"format", "domain", "prefix", "engine", "project", "regions", "listen", "http", "workers"}
)

_OPTIONAL = frozenset(
    {
        "hsm",
        "key_algorithms",
        "key_managers",
        "key_manager_authorities",
        "key_manager_client",
        "separation_of_duties",
        "identity_provider_authorities",
        "log_number",
        "log_retention_days",
        "aws_sts_endpoints",
        "aws_sts_unsigned_target",
        "syslog",
    }
)
"""Settings that came later: a file without them has their defaults."""


def read_table(path: Path) -> Mapping[str, object]:
    """Return what the file says, under known keys."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise ConfigProblem(f"{path} cannot be read: {problem}.") from problem
    version = number(path, table, "format")
    if version > FORMAT:
        raise ConfigProblem(
            f"{path.parent} was written by a newer Rempart (format {version}; this one knows "
            f"{FORMAT}). Start it with that version, or restore a backup taken before the upgrade."
        )
    if version != FORMAT:
        raise ConfigProblem(f"{path}: format {version} does not exist. Undo the edit.")
    unknown = sorted(table.keys() - _KEYS - _OPTIONAL)
    if unknown:
        known = ", ".join(sorted(_KEYS | _OPTIONAL))
        raise ConfigProblem(f"{path}: unknown key {unknown[0]!r}. Known: {known}.")
    missing = sorted(_KEYS - table.keys())
    if missing:
        raise ConfigProblem(f"{path}: the key {missing[0]!r} is missing. Undo the edit.")
    return table


def text(path: Path | str, table: Mapping[str, object], key: str) -> str:
    """Return the text under a key."""
    value = table.get(key)
    if not isinstance(value, str):
        raise ConfigProblem(f"{path}: {key} is a text in quotes.")
    return value


def number(path: Path, table: Mapping[str, object], key: str) -> int:
    """Return the whole number under a key."""
    value = table.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ConfigProblem(f"{path}: {key} is a whole number.")
    return value
