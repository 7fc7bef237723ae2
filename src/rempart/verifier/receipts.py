"""Receipts: what each answer of the cloud says of its entry in the log (docs/spec/feed.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rempart.tlog.errors import Malformed
from rempart.tlog.text import decimal

RECEIPTS_BYTES_MAX = 256 << 20
HEADER = "x-rempart-receipt"
_LINE = re.compile(r"audit/([0-9]{1,19})/([0-9a-f]{64})", re.ASCII)
_AS_HEADER = re.compile(rf"\A{HEADER}[ \t]*:", re.ASCII | re.IGNORECASE)
_COMMENT = "#"


@dataclass(frozen=True, slots=True, order=True)
class Receipt:
    """Entry `index` of the log has this leaf hash."""

    index: int
    leaf: bytes

    @property
    def text(self) -> str:
        """Return the receipt as it stands in the header."""
        return f"audit/{self.index}/{self.leaf.hex()}"


def parse_receipt(text: str) -> Receipt:
    """Return the receipt of a header's value; raises `Malformed`."""
    found = _LINE.fullmatch(text)
    if found is None:
        raise Malformed(f"{text[:80]!r} is no receipt: audit/INDEX/HASH, as {HEADER} says it.")
    return Receipt(decimal(found[1]), bytes.fromhex(found[2]))


def parse_receipts(content: bytes) -> tuple[Receipt, ...]:
    """Return the receipts of a file, one a line; raises `Malformed` with the line at fault."""
    if len(content) > RECEIPTS_BYTES_MAX:
        raise Malformed(f"Receipts have at most {RECEIPTS_BYTES_MAX} bytes.")
    try:
        *lines, rest = content.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise Malformed("Receipts are ASCII.") from None
    if rest:
        raise Malformed("Receipts are lines, each ended by a newline.")
    return tuple(_numbered(number, line) for number, line in enumerate(lines, start=1))


def collected_receipts(content: bytes) -> tuple[Receipt, ...]:
    """Return the receipts that somebody collected, each once; raises `Malformed` with the line.

    A line is a header as clients print it, its value alone, a comment or blank. Bundles have the
    one spelling of `parse_receipts`.
    """
    found: dict[Receipt, None] = {}
    for number, line in enumerate(content.split(b"\n"), start=1):
        text = line.decode("utf-8", "replace").strip()
        if text and not text.startswith(_COMMENT):
            found[_numbered(number, _AS_HEADER.sub("", text, count=1).lstrip())] = None
    return tuple(found)


def encode_receipts(receipts: tuple[Receipt, ...]) -> bytes:
    """Return the file of these receipts."""
    return "".join(f"{one.text}\n" for one in receipts).encode()


def _numbered(number: int, line: str) -> Receipt:
    try:
        return parse_receipt(line)
    except Malformed as problem:
        raise Malformed(f"line {number}: {problem}") from None
