"""What Cloud KMS keeps of an external key version: the way to the key, and the universe's own half.

Both lie wrapped under the universe's key, as all material does (docs/spec/keys.md).
"""

from __future__ import annotations

from typing import Protocol

import msgspec
from msgspec.structs import replace
from typing_extensions import override

from rempart.trust.custody.external import uri
from rempart.trust.custody.external.caller import Location


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """The way to a key: its `uri`, or its `path` behind a `connection` (a resource's name).

    `secret` is the inner key of a symmetric version, under which everything is sealed before the
    manager sees it; `proof` is a ciphertext of nothing, which only the right key holder can open.
    `public_key` is the PEM of an asymmetric version. `ours` tells of a key that this universe had
    made, and will have destroyed.
    """

    uri: str = ""
    connection: str = ""
    path: str = ""
    secret: bytes = b""
    proof: bytes = b""
    public_key: str = ""
    ours: bool = False

    @override
    def __repr__(self) -> str:
        return f"Reference({self.uri or self.path})"

    def encoded(self) -> bytes:
        """Return the bytes that are kept."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decoded(cls, content: bytes) -> Reference:
        """Return a reference that was kept; its bytes were authenticated."""
        return msgspec.msgpack.decode(content, type=cls)

    def disarmed(self) -> Reference:
        """Return the way to the key without what would open anything."""
        return replace(self, secret=b"", proof=b"")


class Directory(Protocol):
    """What the use of an external key has to find in the universe's records."""

    async def agent(self, project: str) -> str:
        """Return the address of the service agent that asks managers for a project."""

    async def location(self, connection: str, path: str) -> Location:
        """Return where a path is, by the name of the connection to its manager."""

    async def space(self, connection: str) -> Location:
        """Return the crypto space in which a connection lets the universe make keys."""


async def locate(reference: Reference, directory: Directory) -> Location:
    """Return where a reference leads now: connections may change."""
    if reference.uri:
        return uri.location(reference.uri)
    return await directory.location(reference.connection, reference.path)
