"""The offline verifier as one file, for somebody who has nothing else of Rempart.

It is a zipapp (PEP 441) of our own sources and nothing else: its bytes follow from them alone, so
that two who have it from different hands compare one SHA-256.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from importlib import resources

PACKAGES = ("rempart.tlog", "rempart.verifier")
"""The verifier, and the public formats that it reads."""

FOUNDATION = ("rempart", "rempart.core")
"""Packages of which it needs the name, and of the second the errors."""

_INTERPRETER = b"#!/usr/bin/env python3\n"
_READABLE = 0o100644 << 16
_UNIX = 3
_MAIN = """\
# Checks proof bundles of Rempart offline, and asks nobody.
import sys

if sys.version_info < (3, 11):
    sys.stderr.write("The verifier needs Python 3.11 or later.\\n")
    sys.exit(2)
from rempart.verifier.__main__ import main

main(prog_name="rempart-verify")
"""


def program() -> bytes:
    """Return the file: the same bytes of the same sources, wherever and whenever it is made."""
    file = io.BytesIO()
    file.write(_INTERPRETER)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_STORED) as archive:  # packers differ by version
        for name, content in sorted(_sources()):
            member = zipfile.ZipInfo(name)  # its time is the beginning of 1980
            member.create_system, member.external_attr = _UNIX, _READABLE
            archive.writestr(member, content)
    return file.getvalue()


def _sources() -> Iterator[tuple[str, bytes]]:
    yield "__main__.py", _MAIN.encode()
    yield _source("rempart.core", "errors.py")
    for package in FOUNDATION:
        yield _source(package, "__init__.py")
    for package in PACKAGES:
        for one in resources.files(package).iterdir():
            if one.name.endswith(".py"):
                yield _source(package, one.name)


def _source(package: str, name: str) -> tuple[str, bytes]:
    content = resources.files(package).joinpath(name).read_bytes()
    return f"{package.replace('.', '/')}/{name}", content
