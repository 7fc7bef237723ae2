"""What is typed beside bundles, and what it stands for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
import msgspec

from rempart.tlog.errors import Malformed
from rempart.tlog.keys import parse_verifier_key
from rempart.tlog.policy import POLICY_BYTES_MAX, Log, Policy, parse_policy, quorum_of
from rempart.verifier.bundle import read_checkpoint
from rempart.verifier.checks import Asked
from rempart.verifier.geography import read_geography
from rempart.verifier.receipts import RECEIPTS_BYTES_MAX, Receipt, collected_receipts
from rempart.verifier.report import Known, Wanted, month_asked, time_asked
from rempart.verifier.staff import read_staff

Decorated = TypeVar("Decorated", bound=Callable[..., object])
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

_HELD = (
    click.option(
        "--checkpoint",
        "earlier",
        type=_FILE,
        multiple=True,
        metavar="OLD",
        help="An earlier checkpoint, or bundle, of the log, which it must continue.",
    ),
    click.option(
        "--receipts",
        type=_FILE,
        help="Receipts that must be in the log: headers as clients print them, or their values.",
    ),
    click.option(
        "--cross",
        "holders",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        multiple=True,
        metavar="DIR",
        help="A key holder's log (DATA/log, or a copy): each use of a key must be in both.",
    ),
)
_TRUSTED = (
    click.option("--policy", type=_FILE, help="Whom you trust (C2SP tlog-policy)."),
    click.option("--key", metavar="VKEY", help="The log's key, trusted without witnesses."),
)
_REPORTED = (
    click.option("--report", is_flag=True, help="Tell who touched what, and why."),
    click.option("--csv", "as_csv", is_flag=True, help="Tell it in CSV; checks go to stderr."),
    click.option("--resource", default="", help="Report: this resource, and all below it."),
    click.option("--month", metavar="YYYY-MM", help="Report: this month, in UTC."),
    click.option("--from", "start", metavar="TIME", help="Report: from this date or time on."),
    click.option("--to", metavar="TIME", help="Report: up to this time, or the end of this date."),
    click.option("--geography", type=_FILE, help="Report: countries of addresses (CSV)."),
    click.option("--staff", type=_FILE, multiple=True, help="Report: a signed staff register."),
    click.option("--officer", type=_FILE, help="Report: the public key of who signed it."),
)


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed beside the bundles."""

    policy: Path | None = None
    key: str | None = None
    earlier: tuple[Path, ...] = ()
    receipts: Path | None = None
    holders: tuple[Path, ...] = ()
    report: bool = False
    as_csv: bool = False
    resource: str = ""
    month: str | None = None
    start: str | None = None
    to: str | None = None
    geography: Path | None = None
    staff: tuple[Path, ...] = ()
    officer: Path | None = None

    @property
    def trusting(self) -> bool:
        """Return whether the reader says whom to trust."""
        return self.policy is not None or self.key is not None

    @property
    def reporting(self) -> bool:
        """Return whether a report is asked for, also by what only a report heeds."""
        told = (self.report, self.as_csv, self.resource, self.month, self.start, self.to)
        return any(told) or any((self.geography, self.staff, self.officer))

    def wanted(self) -> Wanted:
        """Return what a report is to tell of; raises `Malformed`."""
        if self.month is not None:
            if self.start is not None or self.to is not None:
                raise Malformed("Say --month, or --from and --to.")
            return Wanted(self.resource, *month_asked(self.month))
        start = None if self.start is None else time_asked(self.start)
        end = None if self.to is None else time_asked(self.to, end=True)
        return Wanted(self.resource, start, end)

    def known(self) -> Known:
        """Return what a report is told beside; raises `Malformed`, `Refuted` or `OSError`."""
        table = read_geography(self.geography) if self.geography else None
        return Known(table, read_staff(self.staff, self.officer))

    def asked(self) -> Asked:
        """Return what the verifier brings; raises `Malformed` or `OSError`."""
        earlier = tuple(read_checkpoint(path) for path in self.earlier)
        return Asked(self._policy(), read_receipts(self.receipts), earlier, self.holders)

    def _policy(self) -> Policy | None:
        if self.policy is not None and self.key is not None:
            raise Malformed("Say whom you trust once: --policy FILE or --key VKEY.")
        if self.policy is not None:
            return parse_policy(read(self.policy, POLICY_BYTES_MAX))
        if self.key is not None:
            return quorum_of([Log(parse_verifier_key(self.key.strip()))], (), 0)
        return None


def held_options(command: Decorated) -> Decorated:
    """Add the options for what somebody holds from before."""
    return _with(_HELD, command)


def bundle_options(command: Decorated) -> Decorated:
    """Add the options that go with bundles."""
    return _with((*_TRUSTED, *_HELD, *_REPORTED), command)


def read_receipts(path: Path | None) -> tuple[Receipt, ...]:
    """Return the receipts in a file; raises `Malformed` or `OSError`."""
    if path is None:
        return ()
    try:
        return collected_receipts(read(path, RECEIPTS_BYTES_MAX))
    except Malformed as problem:
        raise Malformed(f"{path}: {problem}") from None


def read(path: Path, bytes_max: int) -> bytes:
    """Return a file that is not larger than that; raises `Malformed` or `OSError`."""
    with path.open("rb") as file:
        content = file.read(bytes_max + 1)
    if len(content) > bytes_max:
        raise Malformed(f"{path} has more than {bytes_max} bytes.")
    return content


def _with(added: tuple[Callable[[Decorated], Decorated], ...], command: Decorated) -> Decorated:
    for option in reversed(added):
        command = option(command)
    return command
