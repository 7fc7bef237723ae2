"""The one file of a proof bundle: a ZIP archive with nothing compressed and one possible spelling.

Every byte outside the members follows from their names, sizes and checksums, and is compared with
what it must be. So no tool reads another member than we do, and nothing expands. Layout: PKWARE's
APPNOTE 6.3.3, sections 4.3.7, 4.3.12 and 4.3.16.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from struct import Struct
from typing import BinaryIO
from zlib import crc32

from rempart.tlog.errors import Malformed

ARCHIVE_BYTES_MAX = (1 << 32) - 1
MEMBERS_MAX = (1 << 16) - 2
NAME_BYTES_MAX = 64
PIECE_BYTES = 1 << 20

_LOCAL = Struct("<4s5H3I2H")
_CENTRAL = Struct("<4s6H3I5H2I")
_END = Struct("<4s4H2IH")
_LOCAL_MAGIC, _CENTRAL_MAGIC, _END_MAGIC = b"PK\3\4", b"PK\1\2", b"PK\5\6"
_VERSION, _MADE_BY = 10, 3 << 8 | 20
_DAY = 0x21
"""The first of January 1980: times say nothing here."""

_READABLE = 0o100644 << 16


@dataclass(frozen=True, slots=True)
class Member:
    """Where a member's content stands, and its header before it."""

    name: str
    header: int
    start: int
    end: int
    checksum: int

    @property
    def size(self) -> int:
        """Return how many bytes the content has."""
        return self.end - self.start


def read_members(content: memoryview) -> tuple[Member, ...]:
    """Return the members of an archive in order, checksums compared; raises `Malformed`."""
    if len(content) > ARCHIVE_BYTES_MAX:
        raise Malformed(f"The file has more than {ARCHIVE_BYTES_MAX} bytes.")
    members: list[Member] = []
    at = 0
    while content[at : at + 4] == _LOCAL_MAGIC:
        if len(members) == MEMBERS_MAX:
            raise Malformed(f"The file has more than {MEMBERS_MAX} members.")
        members.append(_member(content, at))
        at = members[-1].end
    directory = _directory(members, at)
    if content[at:] != directory:
        at += _common(content[at:], directory)
        raise Malformed(f"At byte {at} the file is not the archive that its members make.")
    return tuple(members)


def _member(content: memoryview, at: int) -> Member:
    start = at + _LOCAL.size
    if start > len(content):
        raise Malformed(f"The file ends within a header, at byte {at}.")
    *_, checksum, _, size, length, _ = _LOCAL.unpack_from(content, at)
    name = bytes(content[start : start + length])
    if not 0 < length <= NAME_BYTES_MAX or not name.isascii():
        raise Malformed(f"At byte {start} stands no name of a member.")
    start += length
    found = Member(name.decode(), at, start, start + size, checksum)
    header = _local(found)
    if content[at:start] != header:
        at += _common(content[at:start], header)
        raise Malformed(f"At byte {at} the header of {found.name!r} is not what it must be.")
    if found.end > len(content):
        raise Malformed(f"The file ends within {found.name!r}.")
    if crc32(content[start : found.end]) != checksum:
        raise Malformed(f"The checksum of {found.name!r} is not that of its content.")
    return found


def _common(found: memoryview, due: bytes) -> int:
    pairs = zip(found, due, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(found), len(due)))


def _local(one: Member) -> bytes:
    name = one.name.encode()
    numbers = (_VERSION, 0, 0, 0, _DAY, one.checksum, one.size, one.size, len(name), 0)
    return _LOCAL.pack(_LOCAL_MAGIC, *numbers) + name


def _directory(members: Iterable[Member], at: int) -> bytes:
    records = [_central(one) for one in members]
    content = b"".join(records)
    count = len(records)
    return content + _END.pack(_END_MAGIC, 0, 0, count, count, len(content), at, 0)


def _central(one: Member) -> bytes:
    name = one.name.encode()
    numbers = (_MADE_BY, _VERSION, 0, 0, 0, _DAY, one.checksum, one.size, one.size, len(name))
    return _CENTRAL.pack(_CENTRAL_MAGIC, *numbers, 0, 0, 0, 0, _READABLE, one.header) + name


class Writer:
    """Writes an archive, member by member, to a file that can be written in twice."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._members: list[Member] = []
        self._at = 0

    def add(self, name: str, pieces: Iterable[bytes]) -> None:
        """Add a member; raises `Malformed` where the archive would be too large."""
        header, checksum = self._at, 0
        start = end = header + _LOCAL.size + len(name)
        self._file.seek(start)
        for piece in pieces:
            checksum = crc32(piece, checksum)
            end += len(piece)
            self._file.write(piece)
        if end > ARCHIVE_BYTES_MAX or len(self._members) == MEMBERS_MAX:
            raise Malformed("The bundle is too large for one file: fetch a part of the log.")
        one = Member(name, header, start, end, checksum)
        self._file.seek(header)
        self._file.write(_local(one))
        self._members.append(one)
        self._at = end

    def finish(self) -> None:
        """Write the directory; raises `Malformed` where the archive would be too large."""
        directory = _directory(self._members, self._at)
        if self._at + len(directory) > ARCHIVE_BYTES_MAX:
            raise Malformed("The bundle is too large for one file: fetch a part of the log.")
        self._file.seek(self._at)
        self._file.write(directory)
