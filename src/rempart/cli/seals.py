"""How a root is to be kept from now on, as `--seal` and `--to` say it, and handing out shares."""

from __future__ import annotations

import os
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


def by_key(spec: str, certificate: Path | None, reached: quorum.Reached) -> Seal | None:
    """Return the way that needs a key elsewhere, or None where the option names no such way."""
    if spec != HSM and not spec.startswith("https://"):
        return None
    if spec == HSM and certificate is not None:
        raise SealProblem("--certificate is that of a key holder; a token has none.")
    if certificate is None:
        return WithKeyElsewhere(reached, spec, b"")
    try:
        read = x509.load_pem_x509_certificate(certificate.read_bytes())
    except ValueError:
        raise SealProblem(f"{certificate} is no certificate in PEM.") from None
    return WithKeyElsewhere(reached, spec, read.public_bytes(Encoding.DER))


def chosen(spec: str, custodians: tuple[Path, ...], shares_to: Path | None) -> Seal:
    """Return the way that the options describe, or raise SealProblem."""
    if spec == "file":
        if custodians or shares_to:
            raise SealProblem("--custodian and --shares-to go with custodians:K/N.")
        return InTheClear()
    found = _CUSTODIANS.fullmatch(spec)
    if found is None:
        raise SealProblem(f"{spec!r} is no way to keep a root: {WAYS}")
    keys = tuple(_public_key(path) for path in custodians)
    quorum = Quorum(int(found[1]), int(found[2]), keys)
    quorum.check()
    if keys and shares_to:
        raise SealProblem("--shares-to is for shares in words; those for keys are in the file.")
    if not keys and shares_to is None and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise SealProblem(
            "The shares are shown once, on a terminal, and this is none. Run it on one, give "
            "--custodian for each custodian's public key, or --shares-to a directory that is "
            "carried away."
        )
    return WithCustodians(quorum, shares_to)


def _public_key(path: Path) -> PublicKey:
    return custodian_key.parse(path.read_bytes(), PublicKey)


def _write(directory: Path, shares: tuple[str, ...], quorum: Quorum) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number, words in enumerate(shares, 1):
        path = directory / f"share-{number}-of-{quorum.count}.txt"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as problem:
            raise SealProblem(f"{path} cannot be written: {problem.strerror}.") from None
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(words + "\n")
            file.flush()
            os.fsync(file.fileno())
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
