"""Every setting of a universe, as values, and what refuses a wrong one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rempart.core.address import Address
from rempart.core.names import ProjectId
from rempart.trust.policy.duties import Duty

EMBEDDED = "embedded"
ALL_ALGORITHMS = "all"
ANSSI_ALGORITHMS = "anssi"
RESOLVE = "resolve"
"""In `key_managers`, in place of an address: this machine's resolver is asked."""


class ConfigProblem(Exception):  # noqa: N818 - it is named for what it is
    """A setting that refuses the start; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class HSMConfig:
    """A token behind PKCS #11: the module's file, the token's label, the file of the user's PIN."""

    module: Path
    token: str
    pin_file: Path


@dataclass(frozen=True, slots=True)
class SyslogServer:
    """A syslog server, and the containers whose sinks may lead there.

    `authorities` is a file of certificate authorities (PEM), empty for this machine's; `plain` says
    that it is spoken to without TLS.
    """

    name: str
    address: Address
    containers: tuple[str, ...]
    authorities: str = ""
    plain: bool = False


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
    duties: tuple[Duty, ...] = ()
    """Rights that must not meet in one hand."""
    log_retention_days: int = 0
    """How long what opens entries of reads and refusals is kept; 0 for ever."""
    log_number: int = 1
    """Which log of this universe it is: another begins after a backup was put back."""
    identity_provider_authorities: str = ""
    """A file of certificate authorities (PEM) for identity providers, in place of the machine's."""
    aws_sts_endpoints: tuple[str, ...] = ()
    """AWS token services that may be asked who signed a request; without any, none is asked."""
    aws_sts_unsigned_target: bool = False
    """Whether requests are taken that do not sign which provider they are for."""
    syslog: tuple[SyslogServer, ...] = ()
    """Syslog servers that sinks of Cloud Logging may lead to; without any, none is reached."""


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
