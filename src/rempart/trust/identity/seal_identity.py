"""Who a sealed universe is to a key holder: its own keys are sealed, so it has one apart for this.

`DIR/seal-identity.key` (mode 0600) signs ID tokens of the issuer `https://accounts.seal.DOMAIN`. It
opens nothing by itself: whoever steals it can ask the key holder, and is refused once the key
there is blocked, or the issuer no longer trusted.
"""

from __future__ import annotations

from pathlib import Path

from rempart import durable
from rempart.core.clock import Clock, Random
from rempart.trust.custody.keyring import KEY_BYTES, RootKeyProblem, read_key
from rempart.trust.identity.issuer import Issuer

FILE_NAME = "seal-identity.key"
PROJECT_NUMBER = "1"
"""In the agent's address; projects have twelve digits."""


def create(data: Path, random: Random) -> None:
    """Make the identity, if there is none."""
    if not (data / FILE_NAME).exists():
        durable.create(data / FILE_NAME, random(KEY_BYTES))


def issuer(data: Path, domain: str, clock: Clock) -> Issuer:
    """Return the issuer of the tokens, or raise RootKeyProblem where there is no identity."""
    if not (data / FILE_NAME).exists():
        raise RootKeyProblem("A key holder needs to know who asks: rempart seal-identity makes it.")
    seed = read_key(data / FILE_NAME, "identity")
    return Issuer(f"seal.{domain}", seed, clock)
