"""Entity tags, as Google makes them: numbers as fields of a protobuf message, in base64."""

from __future__ import annotations

import binascii
from functools import lru_cache

from rempart.services.storage.model.bucket import Bucket
from rempart.services.storage.model.object import Object

_GENERATION, _METAGENERATION = b"\x08", b"\x10"
_MORE = 0x80
_SEVEN = 0x7F


def etag(generation: int, metageneration: int) -> str:
    """Return an entity tag: the two numbers as protobuf fields 1 and 2."""
    raw = _GENERATION + _varint(generation) + _METAGENERATION + _varint(metageneration)
    return binascii.b2a_base64(raw, newline=False).decode()


def bucket_etag(bucket: Bucket) -> str:
    """Return a bucket's entity tag."""
    raw = _METAGENERATION + _varint(bucket.metageneration)
    return binascii.b2a_base64(raw, newline=False).decode()


def object_etag(found: Object) -> str:
    """Return an object generation's entity tag."""
    return etag(found.generation, found.metageneration)


def _varint(number: int) -> bytes:
    """Return a number seven bits a byte, the lowest first.

    Of generations, which are times, all but the lowest three bytes are the same for two seconds.
    """
    if number >> 21 == 0:
        return _spelled(number)
    low = (number & _SEVEN | _MORE, number >> 7 & _SEVEN | _MORE, number >> 14 & _SEVEN | _MORE)
    return bytes(low) + _spelled(number >> 21)


@lru_cache(maxsize=1024)
def _spelled(number: int) -> bytes:
    encoded = bytearray()
    while number > _SEVEN:
        encoded.append(number & _SEVEN | _MORE)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
