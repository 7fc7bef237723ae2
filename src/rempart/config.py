"""The settings of one universe: one file, `DIR/rempart.toml`, over it the environment and flags.

An unknown key refuses the start, because a mistyped setting would otherwise be silently ignored.
What the first start fixed (domain, prefix, engine) stays fixed: keys, names and certificates carry
it. Secrets are never settings; they are named by path or found by their own program.
"""

from __future__ import annotations

import re
import ssl
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from typing_extensions import override

from rempart.core.names import ProjectId

FORMAT = 1
"""Version of the data directory; a higher number on disk refuses the start."""

FILE_NAME = "rempart.toml"
EMBEDDED = "embedded"
ALL_ALGORITHMS = "all"
ANSSI_ALGORITHMS = "anssi"
RESOLVE = "resolve"
"""In `key_managers`, in place of an address: this machine's resolver is asked."""

PORT_MAX = 65535
WORKERS_MAX = 64
TOKEN_LABEL_BYTES_MAX = 32

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})+")
_PREFIX = re.compile(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?")
_REGION = re.compile(r"[a-z][a-z0-9-]{1,62}")
_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_MANAGER = re.compile(rf"{_LABEL}(\.{_LABEL})*(:[1-9][0-9]{{0,4}})?")
_FOREIGN = ("googleapis.com", "google.com")


class ConfigProblem(Exception):  # noqa: N818 - it is named for what it is
    """A setting that refuses the start; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a door listens: a host and a port; port 0 asks for a free one."""

    host: str
    port: int

    @override
    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Return whether only programs of this machine reach the address."""
        return self.host in {"localhost", "::1"} or self.host.startswith("127.")


@dataclass(frozen=True, slots=True)
class HSMConfig:
    """A token behind PKCS #11: the module's file, the token's label, the file of the user's PIN."""

    module: Path
    token: str
    pin_file: Path


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting of a universe, checked."""

    domain: str
    """API domain, under which every service has its host: `storage.<domain>`."""
    prefix: str
    """Put before every project id, with a colon: `<prefix>:default`."""
    project: ProjectId
    """The project that the first start creates and `rempart env` names."""
    regions: tuple[str, ...]
    """Locations that a bucket may be created in; the first is the one shown in examples."""
    listen: Address
    """The TLS port, REST and gRPC."""
    http: Address
    """The plaintext port, for development."""
    engine: str
    """`embedded`, or the URL of a PostgreSQL database without a password in it."""
    workers: int
    key_algorithms: str = ALL_ALGORITHMS
    """Which algorithms keys of Cloud KMS may have: `all`, or those that `anssi` admits."""
    hsm: HSMConfig | None = None
    """Where keys of the protection level HSM live; without it there are none."""
    key_managers: tuple[tuple[str, str], ...] = ()
    """External key managers that may be asked: each host, and its address or `resolve`."""
    key_manager_authorities: str = ""
    """A file of certificate authorities (PEM) for EXTERNAL keys, besides those of this machine."""
    key_manager_client: str = ""
    """A file with a certificate and its key (PEM) that is shown to managers that ask for one."""


@dataclass(frozen=True, slots=True)
class Flags:
    """What the command line or the environment says over the file; None says nothing."""

    listen: str | None = None
    http: str | None = None
    domain: str | None = None
    prefix: str | None = None
    engine: str | None = None
    workers: int | None = None

    def over(self, other: Flags) -> Flags:
        """Return these flags, completed by another set where they say nothing."""
        return Flags(
            listen=self.listen or other.listen,
            http=self.http or other.http,
            domain=self.domain or other.domain,
            prefix=self.prefix or other.prefix,
            engine=self.engine or other.engine,
            workers=self.workers if self.workers is not None else other.workers,
        )


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
    return _checked(chosen, project=f"{chosen.prefix}:{DEFAULT_PROJECT}", regions=[DEFAULT_REGION])


def load(data: Path, flags: Flags) -> Config:
    """Return the settings of an existing universe, with the flags over its file.

    Refuses flags that contradict what the first start fixed, unknown keys, and a data directory of
    a newer version.
    """
    path = data / FILE_NAME
    table = _read(path)
    fixed = Flags(
        listen=_text(path, table, "listen"),
        http=_text(path, table, "http"),
        domain=_text(path, table, "domain"),
        prefix=_text(path, table, "prefix"),
        engine=_text(path, table, "engine"),
        workers=_number(path, table, "workers"),
    )
    for name in ("domain", "prefix", "engine"):
        _refuse_change(data, name, getattr(fixed, name), getattr(flags, name))
    regions = table["regions"]
    if not isinstance(regions, list) or not all(isinstance(region, str) for region in regions):
        raise ConfigProblem(f"{path}: regions is a list of names, such as [{DEFAULT_REGION!r}].")
    checked = _checked(flags.over(fixed), project=_text(path, table, "project"), regions=regions)
    return replace(
        checked,
        key_algorithms=_key_algorithms(path, table),
        hsm=_hsm(path, table.get("hsm")),
        key_managers=_key_managers(path, table),
        key_manager_authorities=_key_manager_file(path, table, "key_manager_authorities"),
        key_manager_client=_key_manager_client(path, table),
    )


def _hsm(path: Path, table: object) -> HSMConfig | None:
    if table is None:
        return None
    if not isinstance(table, dict) or table.keys() != _HSM_KEYS:
        raise ConfigProblem(f"{path}: [hsm] has the keys module, token and pin_file, no others.")
    module, pin_file = (Path(_text(path, table, key)) for key in ("module", "pin_file"))
    for key, file in (("module", module), ("pin_file", pin_file)):
        if not file.is_absolute() or not file.is_file():
            raise ConfigProblem(f"{path}: {key} of [hsm] is the absolute path of a file.")
    if stat.S_IMODE(pin_file.stat().st_mode) & 0o077:
        raise ConfigProblem(f"{pin_file} is open to others: run `chmod 600 {pin_file}`.")
    token = _text(path, table, "token")
    if not 0 < len(token.encode()) <= TOKEN_LABEL_BYTES_MAX:
        raise ConfigProblem(f"{path}: token of [hsm] is the token's label, at most 32 bytes.")
    return HSMConfig(module, token, pin_file)


def _key_algorithms(path: Path, table: Mapping[str, object]) -> str:
    chosen = table.get("key_algorithms", ALL_ALGORITHMS)
    if chosen not in {ALL_ALGORITHMS, ANSSI_ALGORITHMS}:
        raise ConfigProblem(f"{path}: key_algorithms is `all` or `anssi`, not {chosen!r}.")
    return str(chosen)


def _key_managers(path: Path, table: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
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


def _key_manager_client(path: Path, table: Mapping[str, object]) -> str:
    file = _key_manager_file(path, table, "key_manager_client")
    if file and stat.S_IMODE(Path(file).stat().st_mode) & 0o077:
        raise ConfigProblem(f"{file} holds a key and is open to others: run `chmod 600 {file}`.")
    return file


def _key_manager_file(path: Path, table: Mapping[str, object], key: str) -> str:
    """Return a file of certificates by its full path, tried; empty where none is named."""
    if key not in table:
        return ""
    named = _text(path, table, key)
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


def exists(data: Path) -> bool:
    """Return whether the first start of this data directory was completed."""
    return (data / FILE_NAME).is_file()


def address(text: str, setting: str) -> Address:
    """Return the address that `HOST:PORT` names."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > PORT_MAX:
        raise ConfigProblem(f"{setting} is {text!r}: give HOST:PORT, such as 127.0.0.1:8443.")
    return Address(host, int(port))


def toml(config: Config) -> str:
    """Return the text of `rempart.toml` for these settings."""
    regions = ", ".join(f'"{region}"' for region in config.regions)
    return f"""\
# Settings of this universe, written by the first start of `rempart up`.
# An unknown key refuses the start.

# Version of this data directory. Never edit it.
format = {FORMAT}

# Fixed by the first start: names, keys and certificates carry these.
domain = "{config.domain}"
prefix = "{config.prefix}"
engine = "{config.engine}"

# The project that `rempart env` names.
project = "{config.project}"

# Locations that buckets and keys may be created in. Remove none that is in use.
regions = [{regions}]

# Where the universe listens: TLS for REST and gRPC, and plaintext for development.
# --listen and --http, or REMPART_LISTEN and REMPART_HTTP, change them for one run.
listen = "{config.listen}"
http = "{config.http}"

# Server processes; the embedded engine has exactly one.
workers = {config.workers}

# Algorithms that new keys of Cloud KMS may have: "all" that Google names and this universe has, or
# only those that "anssi" admits (its rules on cryptographic mechanisms, CRYPTO_B1).
key_algorithms = "{config.key_algorithms}"

# A file of certificate authorities (PEM, beside this file or by its full path) that key managers of
# EXTERNAL keys may have, besides those that this machine trusts.
# key_manager_authorities = "key-managers.pem"

# A file with a certificate and its key (PEM, mode 0600), for key managers that ask who is there.
# key_manager_client = "key-manager-client.pem"

# External key managers that this universe may ask, and where they are: an address, or "resolve" for
# this machine's resolver. Others are never reached. A port other than 443 is part of the host.
[key_managers]
# "ekm.example.org" = "192.0.2.7:443"
# "ekm.example.net:8443" = "resolve"
"""


_KEYS = frozenset(
    {"format", "domain", "prefix", "engine", "project", "regions", "listen", "http", "workers"}
)

_HSM_KEYS = {"module", "token", "pin_file"}
_OPTIONAL = frozenset(
    {
        "hsm",
        "key_algorithms",
        "key_managers",
        "key_manager_authorities",
        "key_manager_client",
    }
)
"""Settings that came later: a file without them has their defaults."""


def _read(path: Path) -> Mapping[str, object]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise ConfigProblem(f"{path} cannot be read: {problem}.") from problem
    version = _number(path, table, "format")
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


def _text(path: Path, table: Mapping[str, object], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str):
        raise ConfigProblem(f"{path}: {key} is a text in quotes.")
    return value


def _number(path: Path, table: Mapping[str, object], key: str) -> int:
    value = table.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ConfigProblem(f"{path}: {key} is a whole number.")
    return value


def _refuse_change(data: Path, name: str, fixed: str, asked: str | None) -> None:
    if asked is not None and asked != fixed:
        raise ConfigProblem(
            f"{data} is a universe with {name} {fixed!r}, fixed by its first start; {asked!r} was "
            f"asked for. Leave --{name} out, or take another --data for another universe."
        )


def _checked(chosen: Flags, *, project: str, regions: list[str]) -> Config:
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
