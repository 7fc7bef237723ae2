"""What the domain, the names, the addresses and the engine of a universe must be like."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from rempart.config.settings import EMBEDDED, Config, ConfigProblem, Flags
from rempart.core.address import Address, parse_address
from rempart.core.names import ProjectId

WORKERS_MAX = 64

LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
"""A label of a DNS name (RFC 1123, section 2.1), in small letters."""

_DOMAIN = re.compile(rf"{LABEL}(\.{LABEL})+")
_PREFIX = re.compile(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?")
_REGION = re.compile(r"[a-z][a-z0-9-]{1,62}")
_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_FOREIGN = ("googleapis.com", "google.com")


def checked(chosen: Flags, *, project: str, regions: list[str]) -> Config:
    """Return these settings, or refuse the first that is wrong."""
    domain, prefix = chosen.domain or "", chosen.prefix or ""
    engine, workers = chosen.engine or "", chosen.workers or 0
    _check_domain(domain)
    if not _PREFIX.fullmatch(prefix):
        raise ConfigProblem(
            f"prefix is {prefix!r}: a letter, then up to 29 small letters, digits or hyphens."
        )
    _check_project(project, prefix)
    if not regions or not all(_REGION.fullmatch(region) for region in regions):
        raise ConfigProblem("regions: at least one name of small letters, digits and hyphens.")
    _check_engine(engine, workers)
    return Config(
        domain=domain,
        prefix=prefix,
        project=ProjectId(project),
        regions=tuple(regions),
        listen=address(chosen.listen or "", "listen"),
        http=address(chosen.http or "", "http"),
        engine=engine,
        workers=workers,
    )


def _check_domain(domain: str) -> None:
    if not _DOMAIN.fullmatch(domain):
        raise ConfigProblem(
            f"domain is {domain!r}: give a DNS name of two labels or more, in small letters."
        )
    if domain.endswith(_FOREIGN):
        raise ConfigProblem(f"domain is {domain!r}: that name is Google's. Choose one of your own.")


def _check_project(project: str, prefix: str) -> None:
    before, _, name = project.partition(":")
    if before != prefix or not _PROJECT.fullmatch(name):
        raise ConfigProblem(
            f"project is {project!r}: give {prefix}:NAME, where NAME has 6 to 30 small letters, "
            "digits or hyphens."
        )


def _check_engine(engine: str, workers: int) -> None:
    if not 1 <= workers <= WORKERS_MAX:
        raise ConfigProblem(f"workers is {workers}: give 1 to {WORKERS_MAX}.")
    if workers != 1:
        raise ConfigProblem(
            f"{workers} workers: several server processes are not implemented yet, on any engine. "
            "Give --workers 1."
        )
    if engine == EMBEDDED:
        return
    url = urlsplit(engine)
    if url.scheme not in {"postgresql", "postgres"}:
        raise ConfigProblem(f"engine is {engine!r}: give `embedded` or postgresql://….")
    if url.password is not None:
        # The URL is written to rempart.toml and shown by `ps`; libpq has its own place for secrets.
        raise ConfigProblem("engine: leave the password out of the URL; PGPASSFILE names its file.")
    if '"' in engine or "\\" in engine or not engine.isprintable():
        raise ConfigProblem("engine: write quotes, backslashes and controls percent-encoded.")


def address(text: str, setting: str) -> Address:
    """Return the address that `HOST:PORT` names."""
    found = parse_address(text)
    if found is None:
        raise ConfigProblem(f"{setting} is {text!r}: give HOST:PORT, such as 127.0.0.1:8443.")
    return found
