"""Real files to carry about, and the sums by which two trees are told to be the same."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import google_crc32c

PIECE_BYTES = 1 << 20
LEFT_OUT = {"__pycache__", "site-packages"}


@dataclass(frozen=True, slots=True)
class Sums:
    """What a file holds."""

    size: int
    sha256: str
    crc32c: str


def copy_real_tree(root: Path, files: int) -> None:
    """Copy this Python's standard library, then installed packages, until `files` are there."""
    places = [Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib")]
    found = (
        (path, root / place_name / path.relative_to(place))
        for place_name, place in zip(("standard", "packages"), places, strict=True)
        for path in _real_files(place)
    )
    for source, target in islice(found, files):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _real_files(place: Path) -> Iterator[Path]:
    for directory, below, names in os.walk(place):
        below[:] = sorted(set(below) - LEFT_OUT)
        for name in sorted(names):
            path = Path(directory, name)
            if path.is_file() and not path.is_symlink():
                yield path


def write_random(path: Path, size: int) -> None:
    """Write a file that no disk, network or cipher can shorten."""
    with path.open("wb") as file:
        for at in range(0, size, PIECE_BYTES):
            file.write(os.urandom(min(PIECE_BYTES, size - at)))


def sums(root: Path) -> dict[str, Sums]:
    """Return the sums of every file below, by relative name; of a file, under the name ``""``."""
    if root.is_file():
        return {"": _sums(root)}
    return {
        path.relative_to(root).as_posix(): _sums(path)
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def _sums(path: Path) -> Sums:
    sha256, crc32c, size = hashlib.sha256(), 0, 0
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            sha256.update(piece)
            crc32c = google_crc32c.extend(crc32c, piece)
            size += len(piece)
    return Sums(size, sha256.hexdigest(), base64.b64encode(crc32c.to_bytes(4, "big")).decode())
