"""Kinds of documents: how their keys are made, and what is found at one.

A kind's tag is one byte, so that kinds lie apart in one ordered space (tests hold them to it).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from rempart.core.errors import invariant
from rempart.engine.seam import Key, Span

T = TypeVar("T")
Part = str | bytes | int


class Kind(Generic[T]):
    """A kind of document: its key prefix and its type.

    Of a `hot` kind so many opened values stay in memory, which is sound because one process at a
    time holds an engine.
    """

    __slots__ = ("decode", "encode", "hot", "tag")

    def __init__(self, tag: bytes, document: type[T], *, hot: int = 0) -> None:
        invariant(len(tag) == 1 and tag != b"\x00", "a kind's tag is one byte")
        self.tag = tag
        self.hot = hot
        self.encode: Callable[[T], bytes] = msgspec.msgpack.Encoder().encode
        self.decode: Callable[[bytes], T] = msgspec.msgpack.Decoder(document).decode

    def key(self, *parts: Part) -> Key:
        """Return the key of a document; text parts end with NUL, numbers are 8 bytes."""
        return Key(self.tag + b"".join(map(_encode, parts)))

    def under(self, *parts: Part, prefix: str = "") -> Span:
        """Return the span of all keys that begin with these parts, then with `prefix`."""
        start = self.key(*parts) + prefix.encode()
        return Span(Key(start), successor(start))


def _encode(part: Part) -> bytes:
    if isinstance(part, str):
        return part.encode() + b"\x00"
    if isinstance(part, int):
        return part.to_bytes(8, "big")
    return part


def successor(prefix: bytes) -> Key:
    """Return the first key after all keys that begin with `prefix`."""
    stem = prefix.rstrip(b"\xff")
    invariant(stem, "a span needs a prefix below 0xFF")
    return Key(stem[:-1] + bytes([stem[-1] + 1]))


class Found(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """A document with its key and version."""

    key: Key
    version: int
    value: T

    @property
    def id(self) -> str:
        """Return the last part of the key, which must be text."""
        return self.key[1:-1].rsplit(b"\x00", 1)[-1].decode()
