"""Length-prefixed messages, and the request headers that say how a call is to be read.

Source: gRPC over HTTP/2 (PROTOCOL-HTTP2.md); which code answers which fault: gRPC's statuscodes.md.
A fault of the caller carries an HTTP status below 500, so that nobody looks for it in our log.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from rempart.core.call import Body
from rempart.core.errors import CloudError, Code
from rempart.core.limits import GRPC_MESSAGE_BYTES_MAX

PREFIX_BYTES = 5
_UNCOMPRESSED = b"\0"
_TYPE = re.compile(r"application/grpc(?:\+proto)?(?:[ \t]*;.*)?", re.IGNORECASE)
_TIMEOUT = re.compile(r"([0-9]{1,8})([HMSmun])")
_UNIT_SECONDS = {"H": 3600, "M": 60, "S": 1, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_ONE = "A unary call carries exactly one message"


def check_headers(headers: Mapping[str, str]) -> None:
    """Refuse what this door does not speak, and clients that could not read its trailers."""
    if not _TYPE.fullmatch(headers["content-type"]):
        raise unspoken("Messages are protobuf: the content-type is application/grpc.")
    if "trailers" not in headers.get("te", "").lower():
        raise malformed("The header 'te: trailers' is missing; a proxy on the way dropped it.")
    if headers.get("grpc-encoding", "identity") != "identity":
        problem = unspoken("Messages are not compressed: the grpc-encoding is identity.")
        problem.headers = (("grpc-accept-encoding", "identity"),)
        raise problem


def timeout_seconds(headers: Mapping[str, str]) -> float | None:
    """Return how long the caller waits; None for ever."""
    text = headers.get("grpc-timeout")
    if text is None:
        return None
    found = _TIMEOUT.fullmatch(text)
    if found is None:
        raise malformed("The grpc-timeout is at most eight digits and a unit.")
    return int(found[1]) * _UNIT_SECONDS[found[2]]


async def read_message(body: Body) -> bytes:
    """Return the one message of a call; nothing past the limit is kept."""
    received = bytearray()
    async for piece in body:
        received += piece
        if len(received) >= PREFIX_BYTES and _declared(received) > GRPC_MESSAGE_BYTES_MAX:
            raise _too_large()
        if len(received) > PREFIX_BYTES + GRPC_MESSAGE_BYTES_MAX:
            raise _too_large()
    return _only(received)


def framed(message: bytes) -> bytes:
    """Return a message behind its prefix."""
    return _UNCOMPRESSED + len(message).to_bytes(4, "big") + message


def malformed(message: str) -> CloudError:
    """Return the error for what is not gRPC."""
    return CloudError(Code.INTERNAL, message, reason="malformed", status=400)


def unspoken(message: str) -> CloudError:
    """Return the error for a part of gRPC that this door does not speak."""
    return CloudError(Code.UNIMPLEMENTED, message, reason="notImplemented")


def _declared(received: bytearray) -> int:
    return int.from_bytes(received[1:PREFIX_BYTES], "big")


def _only(received: bytearray) -> bytes:
    if not received:
        raise unspoken(f"{_ONE}; there is none.")
    if len(received) < PREFIX_BYTES:
        raise malformed("The message ends within its prefix.")
    if received[:1] != _UNCOMPRESSED:
        raise malformed("The message says that it is compressed, and the call names no encoding.")
    surplus = len(received) - PREFIX_BYTES - _declared(received)
    if surplus > 0:
        raise unspoken(f"{_ONE}; more follows the first.")
    if surplus:
        raise malformed("The message is shorter than its prefix says.")
    return bytes(received[PREFIX_BYTES:])


def _too_large() -> CloudError:
    return CloudError(
        Code.RESOURCE_EXHAUSTED,
        f"The message is longer than {GRPC_MESSAGE_BYTES_MAX} bytes.",
        reason="messageTooLarge",
    )
