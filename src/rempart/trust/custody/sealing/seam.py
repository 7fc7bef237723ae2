"""What a root's seal needs of keys elsewhere; `elsewhere.py` is it, and costs more to import."""

from __future__ import annotations

from typing import Protocol

from rempart.trust.custody.sealing.document import HeldKey, SealedRoot

HSM, EXTERNAL = "hsm", "external"
"""Kinds of keys elsewhere: in a token, and with a key holder."""


class Elsewhere(Protocol):
    """Opens and seals roots by keys elsewhere; to be closed.

    Raises CloudError where a key is out of reach or its holder does not agree, and SealProblem
    where the file or the settings are at fault.
    """

    async def seal_in_token(self, root: bytes) -> bytes:
        """Return the file that keeps a root under a fresh key of the token."""

    async def seal_at_holder(self, root: bytes, key: str, certificate: bytes) -> bytes:
        """Return the file that keeps a root under the key of this URI, after it was tried."""

    async def unseal(self, sealed: SealedRoot, held: HeldKey) -> bytes:
        """Return the root."""

    async def forget(self, held: HeldKey) -> None:
        """Destroy the key of a sealing that is no more, where it was made for it: in the token."""

    async def close(self) -> None:
        """Let go of the token and of all connections."""
