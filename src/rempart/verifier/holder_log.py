"""The log of a key holder, read without the key holder's program (docs/spec/ekm-log.md)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from rempart.tlog.errors import Malformed, Refuted
from rempart.verifier.leaf import NOT_JSON

LINE_BYTES_MAX = 128 * 1024
_DOMAIN = b"rempart.ekm.log.v1\x00"
_LINE = re.compile(rb"(0|[1-9][0-9]{0,18}) ([0-9a-f]{64}) (\{[^\n]*\})\n")


class Request(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """What an entry says of a request; more members are left alone.

    `entry` is the receipt that the cloud sent along, `time` microseconds since 1970, UTC.
    """

    time: int
    kind: str
    verb: str = ""
    key: str = ""
    stage: str = ""
    status: int = 0
    allowed: bool = False
    caller: str = ""
    resource: str = ""
    reason: str = ""
    principal: str = ""
    operation: str = ""
    entry: str = ""


_decode = msgspec.json.Decoder(Request).decode


def read_holder_log(directory: Path) -> Iterator[tuple[int, bytes, Request]]:
    """Iterate over the answered requests, each with the index and the chain hash of its entry.

    Logs that have both of an entry in common have all before it in common. Raises `Refuted` where
    the chain does not hold, `Malformed` for what is no entry, `OSError`.
    """
    head, count = bytes(32), 0
    paths = sorted(directory.glob("*.log"))
    if not paths:
        raise Malformed(f"{directory} holds no log of a key holder.")
    for path in paths:
        if path.name != f"{count:019d}.log":
            raise Refuted(f"{path.name} does not begin with entry {count}.")
        with path.open("rb") as file:
            while raw := file.readline(LINE_BYTES_MAX + 1):
                found = _LINE.fullmatch(raw)
                if found is None and path == paths[-1] and not raw.endswith(b"\n"):
                    return  # torn by a crash: entries that were never answered
                head = _followed(head, count, found, path)
                request = _request(count, found[3] if found else b"")
                count += 1
                if request.kind == "request" and not request.stage:
                    yield count - 1, head, request


def _followed(head: bytes, count: int, found: re.Match[bytes] | None, path: Path) -> bytes:
    """Return the chain's next hash; raises `Refuted` for a line that does not follow."""
    if found is not None and int(found[1]) == count:
        hashed = hashlib.sha256(_DOMAIN + head + count.to_bytes(8, "big") + found[3])
        if hashed.hexdigest().encode() == found[2]:
            return hashed.digest()
    raise Refuted(f"{path.name}: entry {count} does not follow from the one before it.")


def _request(index: int, content: bytes) -> Request:
    try:
        return _decode(content)
    except NOT_JSON as problem:
        raise Malformed(f"Entry {index} is not an entry: {problem}.") from None
