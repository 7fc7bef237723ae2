"""Puts the settings together: defaults, or the file, and over them the environment and flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rempart.config import aws, keys
from rempart.config.checks import checked
from rempart.config.duties import duties
from rempart.config.log import log_number, log_retention_days
from rempart.config.settings import EMBEDDED, Config, ConfigProblem, Flags
from rempart.config.syslog import syslog_servers
from rempart.config.table import FILE_NAME, number, read_table, text

DEFAULTS = Flags(
    listen="127.0.0.1:8443",
    http="127.0.0.1:8080",
    # Reserved by RFC 6761: no resolver ever asks the Internet's name servers for a machine there.
    domain="apis.rempart.test",
    prefix="rempart",
    engine=EMBEDDED,
    workers=1,
)
DEFAULT_REGION = "u-local1"
DEFAULT_PROJECT = "default"


def from_environment(environment: Mapping[str, str]) -> Flags:
    """Return what REMPART_LISTEN, REMPART_HTTP and their like say."""
    workers = environment.get("REMPART_WORKERS")
    if workers is not None and not workers.isdecimal():
        raise ConfigProblem(f"REMPART_WORKERS is {workers!r}: give a number.")
    return Flags(
        listen=environment.get("REMPART_LISTEN"),
        http=environment.get("REMPART_HTTP"),
        domain=environment.get("REMPART_DOMAIN"),
        prefix=environment.get("REMPART_PREFIX"),
        engine=environment.get("REMPART_ENGINE"),
        workers=None if workers is None else int(workers),
    )


def first(flags: Flags) -> Config:
    """Return the settings of a universe that is about to be created."""
    chosen = flags.over(DEFAULTS)
    return checked(chosen, project=f"{chosen.prefix}:{DEFAULT_PROJECT}", regions=[DEFAULT_REGION])


def exists(data: Path) -> bool:
    """Return whether the first start of this data directory was completed."""
    return (data / FILE_NAME).is_file()


def load(data: Path, flags: Flags) -> Config:
    """Return the settings of an existing universe, with the flags over its file.

    Refuses flags that contradict what the first start fixed, unknown keys, and a data directory of
    a newer version.
    """
    settings, problem = load_apart(data, flags)
    if problem is not None:
        raise problem
    return settings


def load_apart(data: Path, flags: Flags) -> tuple[Config, ConfigProblem | None]:
    """Return the settings, and apart from them what is wrong with the separation of duties.

    For who asks where a universe is, and decides nothing: the settings have no duties then.
    """
    path = data / FILE_NAME
    table = read_table(path)
    settings = _settings(data, flags, path, table)
    try:
        return replace(settings, duties=duties(path, table)), None
    except ConfigProblem as problem:
        return settings, problem


def _settings(data: Path, flags: Flags, path: Path, table: Mapping[str, object]) -> Config:
    fixed = _flags(path, table)
    for name in ("domain", "prefix", "engine"):
        _refuse_change(data, name, getattr(fixed, name), getattr(flags, name))
    project, regions = text(path, table, "project"), _regions(path, table)
    settings = checked(flags.over(fixed), project=project, regions=regions)
    return replace(
        settings,
        key_algorithms=keys.key_algorithms(path, table),
        hsm=keys.hsm(path, table.get("hsm")),
        key_managers=keys.key_managers(path, table),
        key_manager_authorities=keys.key_manager_authorities(path, table),
        key_manager_client=keys.key_manager_client(path, table),
        log_retention_days=log_retention_days(path, table),
        log_number=log_number(path, table),
        identity_provider_authorities=keys.identity_provider_authorities(path, table),
        aws_sts_endpoints=aws.sts_endpoints(path, table),
        aws_sts_unsigned_target=aws.sts_unsigned_target(path, table),
        syslog=syslog_servers(path, table),
    )


def _flags(path: Path, table: Mapping[str, object]) -> Flags:
    return Flags(
        listen=text(path, table, "listen"),
        http=text(path, table, "http"),
        domain=text(path, table, "domain"),
        prefix=text(path, table, "prefix"),
        engine=text(path, table, "engine"),
        workers=number(path, table, "workers"),
    )


def _regions(path: Path, table: Mapping[str, object]) -> list[str]:
    regions = table["regions"]
    if not isinstance(regions, list) or not all(isinstance(region, str) for region in regions):
        raise ConfigProblem(f"{path}: regions is a list of names, such as [{DEFAULT_REGION!r}].")
    return regions


def _refuse_change(data: Path, name: str, fixed: str, asked: str | None) -> None:
    if asked is not None and asked != fixed:
        raise ConfigProblem(
            f"{data} is a universe with {name} {fixed!r}, fixed by its first start; {asked!r} was "
            f"asked for. Leave --{name} out, or take another --data for another universe."
        )
