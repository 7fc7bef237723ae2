"""The witness's two cosigning keys: seeds in `keys.sealed`, public halves in `keys.pub`.

The seeds are sealed under the passphrase or key file, and bound to the witness's name. There is no
command that replaces them: another key is another witness.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rempart import durable
from rempart.core.clock import Random
from rempart.standalone import box, sealing
from rempart.tlog.errors import Malformed
from rempart.tlog.keys import (
    SEED_BYTES,
    Algorithm,
    Signer,
    VerifierKey,
    parse_verifier_key,
    seeded_signer,
)
from rempart.trust.custody.errors import Tampered

SEALED_NAME, PUBLIC_NAME = "keys.sealed", "keys.pub"
ALGORITHMS = (Algorithm.COSIGNATURE_ED25519, Algorithm.COSIGNATURE_ML_DSA_44)

Opener = Callable[[bytes], sealing.Seal]
"""Return the seal for a salt."""


class KeysProblem(Exception):  # noqa: N818 - it is named for what it is
    """The keys cannot be had; the message says why."""


def create(data: Path, name: str, seal: sealing.Seal, random: Random) -> tuple[Signer, ...]:
    """Make the keys of a new witness, durably, and return what signs."""
    seeds = random(SEED_BYTES * len(ALGORITHMS))
    durable.create(
        data / SEALED_NAME, seal.header + box.seal(seal.root, _context(name, seal), seeds)
    )
    signers = _signers(name, seeds)
    lines = "".join(f"{signer.key.text}\n" for signer in signers)
    durable.replace(data / PUBLIC_NAME, lines.encode(), mode=0o644)
    return signers


def load(data: Path, name: str, opener: Opener) -> tuple[Signer, ...]:
    """Return what signs; raises `KeysProblem` or `sealing.SealingProblem`."""
    content = (data / SEALED_NAME).read_bytes()
    seal = opener(sealing.salt_of(content[: sealing.HEADER_BYTES]))
    sealed = content[sealing.HEADER_BYTES :]
    try:
        seeds = box.unseal(seal.root, _context(name, seal), sealed)
    except Tampered:
        raise KeysProblem(
            f"{data / SEALED_NAME} does not open: the secret or the name is another, or the file "
            f"was altered."
        ) from None
    signers = _signers(name, seeds)
    if tuple(signer.key for signer in signers) != public(data):
        raise KeysProblem(f"{data / PUBLIC_NAME} does not hold the public halves of the keys.")
    return signers


def public(data: Path) -> tuple[VerifierKey, ...]:
    """Return the public halves, which need no secret; raises `KeysProblem`."""
    try:
        lines = (data / PUBLIC_NAME).read_text(encoding="utf-8").splitlines()
        return tuple(parse_verifier_key(line) for line in lines)
    except (OSError, UnicodeDecodeError, Malformed) as problem:
        raise KeysProblem(f"{data / PUBLIC_NAME} cannot be read: {problem}") from None


def _signers(name: str, seeds: bytes) -> tuple[Signer, ...]:
    parts = (seeds[at : at + SEED_BYTES] for at in range(0, len(seeds), SEED_BYTES))
    return tuple(
        seeded_signer(name, algorithm, seed)
        for algorithm, seed in zip(ALGORITHMS, parts, strict=True)
    )


def _context(name: str, seal: sealing.Seal) -> bytes:
    return b"rempart witness keys 1\n" + seal.header + name.encode()
