"""Settings about syslog servers that sinks may lead to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from rempart.config.checks import address
from rempart.config.keys import authorities
from rempart.config.settings import ConfigProblem, SyslogServer
from rempart.config.table import text

SERVERS_MAX = 20
CONTAINERS_MAX = 1000
_NAME = re.compile(r"[a-z0-9-]{1,63}")
_CONTAINER = re.compile(r"(projects|folders|organizations)/[^/\s]{1,100}")
_KEYS = {"address", "from", "authorities", "plain"}
_FORM = (
    '[syslog.NAME] has `address`, `from` (a list such as ["projects/P"]) and, if need be,'
    " `authorities` or `plain = true`."
)


def syslog_servers(path: Path, table: Mapping[str, object]) -> tuple[SyslogServer, ...]:
    """Return the syslog servers that sinks may lead to; none unless they are named."""
    given = table.get("syslog", {})
    if not isinstance(given, dict) or len(given) > SERVERS_MAX:
        raise ConfigProblem(f"{path}: syslog is up to {SERVERS_MAX} tables: {_FORM}")
    return tuple(_server(path, name, one) for name, one in given.items())


def _server(path: Path, name: str, given: object) -> SyslogServer:
    well = isinstance(given, dict) and {"address", "from"} <= given.keys() <= _KEYS
    if not _NAME.fullmatch(name) or not isinstance(given, dict) or not well:
        raise ConfigProblem(f"{path}: [syslog.{name}] is not understood: {_FORM}")
    plain = given.get("plain", False)
    if not isinstance(plain, bool) or (plain and "authorities" in given):
        raise ConfigProblem(
            f"{path}: [syslog.{name}]: plain is true or false; no authorities then."
        )
    return SyslogServer(
        name=name,
        address=address(text(path, given, "address"), f"{path}: address of [syslog.{name}]"),
        containers=_containers(path, name, given["from"]),
        authorities=authorities(path, given),
        plain=plain,
    )


def _containers(path: Path, name: str, given: object) -> tuple[str, ...]:
    named = given if isinstance(given, list) else [None]
    known = all(isinstance(one, str) and _CONTAINER.fullmatch(one) for one in named)
    if len(named) > CONTAINERS_MAX or not known:
        raise ConfigProblem(f"{path}: [syslog.{name}]: {_FORM}")
    return tuple(named)
