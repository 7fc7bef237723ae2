"""How a root is to be kept from now on, as `--seal` and `--to` say it, and handing out shares."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from rempart import durable
from rempart.cli import quorum
from rempart.core.clock import system_random
from rempart.trust.custody.sealing import custodian_key, files
from rempart.trust.custody.sealing.custodian_key import PublicKey
from rempart.trust.custody.sealing.document import SealProblem
from rempart.trust.custody.sealing.seam import HSM, Elsewhere
from rempart.trust.custody.sealing.sharing import Quorum, share_out

BY_PEOPLE = "file, or custodians:K/N."
WAYS = "file, custodians:K/N, hsm, or the URI of a key holder's key: https://…."
_CUSTODIANS = re.compile(r"custodians:(\d{1,3})/(\d{1,3})")

Keep = Callable[[Path], None]


class Seal(Protocol):
    """A way to keep a root, in two steps: the second gives up the old way."""

    def hand_out(self, root: bytes) -> Keep:
        """Give the holders what they need; return what puts the new way into a data directory."""


class InTheClear:
    """A file beside the data: the one-machine default."""

    def hand_out(self, root: bytes) -> Keep:
        """Return what writes the file; nobody needs anything."""
        return partial(files.keep_clear, root=root, random=system_random)


@dataclass(frozen=True, slots=True)
class WithCustodians:
    """Shares, of which some number opens the root."""

    quorum: Quorum
    shares_to: Path | None

    def hand_out(self, root: bytes) -> Keep:
        """Show each share once, or write each to a file; return what writes the sealed root."""
        content, shares = share_out(root, self.quorum, system_random)
        if shares and self.shares_to is not None:
            _write(self.shares_to, shares, self.quorum)
        elif shares:
            _show(shares, self.quorum)
        return partial(files.keep_sealed, content=content, random=system_random)


@dataclass(frozen=True, slots=True)
class WithKeyElsewhere:
    """A key in the token, or with a key holder, that opens the root by itself."""

    reached: quorum.Reached
    key: str
    certificate: bytes

    def hand_out(self, root: bytes) -> Keep:
        """Have the root sealed; return what writes the sealed root."""
        content = quorum.at(self.reached, lambda reached: self._seal(reached, root))
        return partial(files.keep_sealed, content=content, random=system_random)

    async def _seal(self, reached: Elsewhere, root: bytes) -> bytes:
        if self.key == HSM:
            return await reached.seal_in_token(root)
        return await reached.seal_at_holder(root, self.key, self.certificate)


@dataclass(frozen=True, slots=True)
class Asked:
    """The options that say how a root is to be kept."""

    spec: str
    custodians: tuple[Path, ...]
    shares_to: Path | None
    certificate: Path | None = None


def chosen(asked: Asked, reached: quorum.Reached | None = None) -> Seal:
    """Return the way that the options describe, or raise SealProblem.

    Without `reached` no key elsewhere is on offer.
    """
    by_people = _CUSTODIANS.fullmatch(asked.spec)
    by_holder = asked.spec.startswith("https://")
    offered = asked.spec == "file" or (reached is not None and (by_holder or asked.spec == HSM))
    if by_people is None and not offered:
        ways = BY_PEOPLE if reached is None else WAYS
        raise SealProblem(f"{asked.spec!r} is no way to keep a root here: {ways}")
    if by_people is None and (asked.custodians or asked.shares_to):
        raise SealProblem("--custodian and --shares-to go with custodians:K/N.")
    if asked.certificate and not by_holder:
        raise SealProblem("--certificate goes with the URI of a key holder's key.")
    if by_people is not None:
        return _by_custodians(int(by_people[1]), int(by_people[2]), asked)
    if reached is None or asked.spec == "file":
        return InTheClear()
    return WithKeyElsewhere(reached, asked.spec, _certificate(asked.certificate))


def _certificate(path: Path | None) -> bytes:
    if path is None:
        return b""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.DER)
    except ValueError:
        raise SealProblem(f"{path} is no certificate in PEM.") from None


def _by_custodians(threshold: int, count: int, asked: Asked) -> Seal:
    keys = tuple(_public_key(path) for path in asked.custodians)
    wanted = Quorum(threshold, count, keys)
    wanted.check()
    if keys and asked.shares_to:
        raise SealProblem("--shares-to is for shares in words; those for keys are in the file.")
    on_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if not keys and asked.shares_to is None and not on_terminal:
        raise SealProblem(
            "The shares are shown once, on a terminal, and this is none. Run it on one, give "
            "--custodian for each custodian's public key, or --shares-to a directory that is "
            "carried away."
        )
    return WithCustodians(wanted, asked.shares_to)


def _public_key(path: Path) -> PublicKey:
    return custodian_key.parse(path.read_bytes(), PublicKey)


def _write(directory: Path, shares: tuple[str, ...], quorum: Quorum) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number, words in enumerate(shares, 1):
        path = directory / f"share-{number}-of-{quorum.count}.txt"
        try:
            durable.create(path, f"{words}\n".encode("ascii"))
        except OSError as problem:
            raise SealProblem(f"{path} cannot be written: {problem.strerror}.") from None
    click.echo(
        f"{quorum.count} shares are in {directory}: give each to its custodian and keep no copy. "
        f"Any {quorum.threshold} of them open the universe."
    )


def _show(shares: tuple[str, ...], quorum: Quorum) -> None:
    for number, words in enumerate(shares, 1):
        _clear()
        who = f"custodian {number} of {quorum.count}"
        click.pause(f"The share of {who} comes next. Only they should see it: press a key.")
        click.echo(f"\n{_in_columns(words)}\n")
        click.pause(f"Write these words down, {who}. They are not shown again: press a key.")
        _clear()
    if not click.confirm(f"Has each of the {quorum.count} custodians written down their words?"):
        raise SealProblem("Nothing was changed; the shares just shown open nothing.")


def _clear() -> None:
    click.clear()
    click.echo("\x1b[3J", nl=False)  # what has scrolled out of sight, too (xterm, ED 3)


def _in_columns(words: str) -> str:
    numbered = [f"{number:>2} {word:<10}" for number, word in enumerate(words.split(), 1)]
    return "\n".join("  ".join(numbered[at : at + 5]) for at in range(0, len(numbered), 5))
