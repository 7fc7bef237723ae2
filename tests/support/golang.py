"""Go programs of the tests, compiled without network from Debian's packages, kept in the cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from support.universe import program

SOURCES = Path("/usr/share/gocode")
BUILD_SECONDS_MAX = 240


def built(source: Path, package: str, config: pytest.Config) -> Path:
    """Return the program of a `main.go` that imports `package`; skips where Debian's is missing."""
    if not (SOURCES / "src" / package).is_dir():
        pytest.skip(f"{package} is not installed: tools/system-packages")
    version = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    folder = Path(config.cache.mkdir(f"go-{version}"))
    made = folder / "program"
    with (folder / "lock").open("w") as lock:
        # Another worker may be compiling the same.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            _build(source, made)
    return made


def _build(source: Path, made: Path) -> None:
    away = {"GO111MODULE": "off", "GOPATH": str(SOURCES), "GOFLAGS": "", "GOPROXY": "off"}
    done = subprocess.run(
        [program("go"), "build", "-o", str(made), str(source)],
        env={**os.environ, **away, "GOCACHE": str(made.parent / "objects")},
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stderr
