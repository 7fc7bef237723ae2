"""A request after the edge has decoded it, and the answer before the edge encodes it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import NewType, Protocol

import msgspec

from rempart.core.clock import Micros

MethodId = NewType("MethodId", str)
"""Google's method id: `storage.objects.insert`."""


class Body(Protocol):
    """A request body, read once.

    Iteration raises `CloudError` when the client went away before the declared end or sent more
    than it declared: a body that ends normally is whole.
    """

    @property
    def length(self) -> int | None:
        """Return the declared length in bytes, or None where it is unknown."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the body in pieces of any size."""

    async def read(self, limit: int) -> bytes:
        """Return the whole rest; raise `too_large` past `limit` bytes."""


class Peer(msgspec.Struct, frozen=True, gc=False):
    """The other end of a call's connection, as far as it is known.

    `address` is empty where it is not. `certificate` (PEM) is one whose key the client proved to
    hold in TLS; nothing else of it was checked.
    """

    address: str = ""
    certificate: bytes = b""


NOBODY = Peer()
"""Whoever it is: a call that is thought of, or one of the universe's own."""


class Call(msgspec.Struct, frozen=True, gc=False):
    """One request: which method, on what, by which credential, from where.

    `path` holds the captured path parameters, decoded once; `query` the last value of each query
    parameter; `headers` lower-case names with duplicates joined by ", ". `document` is the JSON
    body, or the JSON part of a multipart upload, whose media is then `body`. `kind` is how the
    method was reached: plain, media_upload, resumable_upload, media_download. `certificate` is the
    peer's.
    """

    method: MethodId
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    document: Mapping[str, object]
    body: Body
    kind: str
    base_url: str
    remote: str
    request_id: str
    time: Micros
    verb: str = "GET"
    head: bool = False
    certificate: bytes = b""

    @property
    def peer(self) -> Peer:
        """Return the other end of the connection."""
        return Peer(self.remote, self.certificate)


class Reply(msgspec.Struct, frozen=True, gc=False):
    """An answer: bytes, or a stream whose length the headers declare.

    `document` is rendered as JSON by the edge (honouring `fields` and `prettyPrint`); `content` is
    sent as it is; `stream` is sent piece by piece. At most one of the three is set.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    document: object | None = None
    content: bytes = b""
    stream: AsyncIterator[bytes] | None = None
    audit: Mapping[str, str] = {}
