"""Packages of Node that the tests run: installed by npm on first use, kept in pytest's cache."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from support.universe import program

INSTALL_SECONDS_MAX = 240


def installed(package: Path, config: pytest.Config) -> Path:
    """Return the folder with what a `package.json` asks for; skips where npm cannot get it."""
    asked = package.read_text()
    version = hashlib.sha256(asked.encode()).hexdigest()[:16]
    folder = Path(config.cache.mkdir(f"node-{version}"))
    with (folder / "lock").open("w") as lock:
        # Another worker may be installing the same.
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _installed(asked, folder)


def _installed(asked: str, folder: Path) -> Path:
    if (folder / "node_modules" / ".package-lock.json").exists():
        return folder
    (folder / "package.json").write_text(asked)
    command = [program("npm"), "install", "--no-package-lock", "--no-audit", "--no-fund"]
    done = subprocess.run(
        [*command, "--ignore-scripts"],
        cwd=folder,
        capture_output=True,
        timeout=INSTALL_SECONDS_MAX,
        check=False,
    )
    if done.returncode:
        shutil.rmtree(folder / "node_modules", ignore_errors=True)
        pytest.skip(f"npm cannot install the library here: {done.stderr.decode()[-300:]}")
    return folder
