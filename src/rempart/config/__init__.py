"""The settings of one universe: one file, `DIR/rempart.toml`, over it the environment and flags.

An unknown key refuses the start, because a mistyped setting would otherwise be silently ignored.
What the first start fixed (domain, prefix, engine) stays fixed: keys, names and certificates carry
it. Secrets are never settings; they are named by path or found by their own program.
"""

from __future__ import annotations

from rempart.config.checks import address
from rempart.config.loading import exists, first, from_environment, load, load_apart
from rempart.config.settings import (
    ANSSI_ALGORITHMS,
    EMBEDDED,
    Config,
    ConfigProblem,
    Flags,
    HSMConfig,
    SyslogServer,
)
from rempart.config.table import FILE_NAME, FORMAT
from rempart.config.toml_text import toml
from rempart.core.address import Address

__all__ = [
    "ANSSI_ALGORITHMS",
    "EMBEDDED",
    "FILE_NAME",
    "FORMAT",
    "Address",
    "Config",
    "ConfigProblem",
    "Flags",
    "HSMConfig",
    "SyslogServer",
    "address",
    "exists",
    "first",
    "from_environment",
    "load",
    "load_apart",
    "toml",
]
