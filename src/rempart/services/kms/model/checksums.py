"""CRC32C of what clients send and get: whoever sends one has it verified and is told so.

Source: the `…_crc32c` fields of google.cloud.kms.v1, "Verifying end-to-end data integrity".
"""

from __future__ import annotations

import base64

import google_crc32c

from rempart.core.document import Document, integer, octets
from rempart.core.errors import invalid

Json = dict[str, object]


def verified(document: Document, name: str, limit: int) -> tuple[bytes, bool]:
    """Return a bytes member of a request, and whether its checksum came along and was right."""
    data = octets(document, name)
    return check(document, name, data, limit)


def check(document: Document, name: str, data: bytes, limit: int) -> tuple[bytes, bool]:
    """Return the data with whether its checksum came along; raise for a wrong one."""
    if len(data) > limit:
        raise invalid(f"{name} has {len(data)} bytes; {limit} are allowed.", field=name)
    field = f"{name}Crc32c"
    claimed = integer(document, field)
    if claimed is None:
        return data, False
    if claimed != google_crc32c.value(data):
        message = f"The checksum in field {field} did not match the data in field {name}."
        raise invalid(message, field=field, reason="CHECKSUM_MISMATCH")
    return data, True


def shown(name: str, data: bytes) -> Json:
    """Return a bytes member of an answer with its checksum."""
    return {
        name: base64.b64encode(data).decode(),
        f"{name}Crc32c": str(google_crc32c.value(data)),
    }


def marks(**seen: bool) -> Json:
    """Return the marks of checksums that were verified, leaving the others out."""
    return {name: True for name, right in seen.items() if right}
