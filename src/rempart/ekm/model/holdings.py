"""What a key holder holds: crypto spaces, keys, and the issuers whose callers it listens to.

All of it lies in one sealed file, so that nobody adds an issuer or brings back a destroyed key by
writing to the disk without the sealing secret.
"""

from __future__ import annotations

import msgspec
from typing_extensions import override

SOFTWARE = "software"
TOKEN = "token"  # noqa: S105 - a place, not a secret
HOMES = (SOFTWARE, TOKEN)


class HeldKey(msgspec.Struct, frozen=True, kw_only=True):
    """One key. Destroyed, it keeps its name, which is never given again, and loses its material.

    `id` is 8 random bytes in hexadecimal: it stands in the blobs that the key wraps. `wrapping` is
    the 32 random bytes under which alone material in software can be opened; `token` is the way to
    material in a token, and no secret. One of them is empty; of a key that is destroyed both are,
    once the token does not hold it any more. `destroyed` is a time, or 0.
    """

    id: str
    algorithm: str
    created: int
    wrapping: bytes = b""
    token: bytes = b""
    cache_seconds: int = 0
    destroyed: int = 0
    origin: str = ""

    @property
    def home(self) -> str:
        """Return where its material is; empty once it is nowhere."""
        if self.token:
            return TOKEN
        return SOFTWARE if self.wrapping else ""

    @property
    def state(self) -> str:
        """Return ENABLED, DESTROYED, or DESTROYING: of no use any more, and still in the token."""
        if not self.destroyed:
            return "ENABLED"
        return "DESTROYING" if self.token else "DESTROYED"

    @override
    def __repr__(self) -> str:
        return f"HeldKey(id={self.id!r}, algorithm={self.algorithm!r})"

    __str__ = __repr__


class Issuer(msgspec.Struct, frozen=True, kw_only=True):
    """Who may sign callers' tokens.

    Its public keys are `keys`, a JWK set given by hand, or are fetched from `keys_url` (over TLS
    checked against `authority`, a PEM, where that is given). `audiences` empty means this
    manager's own address. Callers are `service-NUMBER@` one of `mail_domains`.
    """

    issuer: str
    mail_domains: tuple[str, ...]
    audiences: tuple[str, ...] = ()
    keys: str = ""
    keys_url: str = ""
    authority: str = ""


class Pin(msgspec.Struct, frozen=True):
    """How many steps of the officers the log tells, and a hash over them.

    With it in the sealed file, no step (a block, say) can be cut off the log's end.
    """

    steps: int = 0
    hash: bytes = bytes(32)


class Holdings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything, at one generation; each change raises it by one.

    `log_seed` is what the log's signing key and salts are derived from; it never changes.
    """

    generation: int = 0
    spaces: frozenset[str] = frozenset()
    keys: dict[str, HeldKey] = {}
    issuers: tuple[Issuer, ...] = ()
    officers: Pin = Pin()
    log_seed: bytes = b""

    @override
    def __repr__(self) -> str:
        return f"Holdings(generation={self.generation})"

    __str__ = __repr__
