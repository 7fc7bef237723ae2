"""An order as it is written down to be entered: a TOML file, and the scan of the document."""

from __future__ import annotations

import hashlib
import tomllib
from datetime import date, datetime, time
from pathlib import Path

from rempart.cli import options

FILE_BYTES_MAX = 1024 * 1024
SCAN_BYTES_MAX = 1024 * 1024 * 1024
_PIECE = 1024 * 1024


def read(source: Path, scan: Path | None) -> dict[str, object]:
    """Return what a file says as the API takes it, or refuse; the scan is only hashed."""
    if source.stat().st_size > FILE_BYTES_MAX:
        options.refuse(f"{source} is longer than {FILE_BYTES_MAX} bytes.")
    try:
        table = tomllib.loads(source.read_text(encoding="utf-8"))
    except ValueError as problem:
        options.refuse(f"{source} is no TOML: {problem}.")
    document = {name: _plain(value, name) for name, value in table.items()}
    if scan is not None:
        document["documentSha256"] = _digest(scan)
    return document


def _plain(value: object, name: str) -> object:
    """Return a value as JSON has it; a time without its zone says nothing, and is refused."""
    if isinstance(value, dict):
        return {inner: _plain(one, f"{name}.{inner}") for inner, one in value.items()}
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.isoformat()
    if isinstance(value, date | time):
        options.refuse(f"{name} is a time with its zone, as 2026-11-23T13:06:00Z.")
    return value


def _digest(scan: Path) -> str:
    if scan.stat().st_size > SCAN_BYTES_MAX:
        options.refuse(f"{scan} is longer than {SCAN_BYTES_MAX} bytes.")
    hashed = hashlib.sha256()
    with scan.open("rb") as file:
        while piece := file.read(_PIECE):
            hashed.update(piece)
    return hashed.hexdigest()
