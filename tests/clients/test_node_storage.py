"""Google's own Node library; npm installs it into a cache beside pytest's."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from support.universe import Universe, program

HERE = Path(__file__).parent
INSTALL_SECONDS_MAX = 240


@pytest.fixture(scope="session")
def packages(pytestconfig: pytest.Config) -> Path:
    """Return the folder that holds the library, installed on first use."""
    npm = program("npm")
    asked = (HERE / "package.json").read_text()
    version = json.loads(asked)["dependencies"]["@google-cloud/storage"]
    folder = Path(pytestconfig.cache.mkdir(f"node-storage-{version}"))
    if not (folder / "node_modules" / ".package-lock.json").exists():
        (folder / "package.json").write_text(asked)
        command = [
            npm,
            "install",
            "--no-package-lock",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
        ]
        done = subprocess.run(
            command, cwd=folder, capture_output=True, timeout=INSTALL_SECONDS_MAX, check=False
        )
        if done.returncode:
            shutil.rmtree(folder / "node_modules", ignore_errors=True)
            pytest.skip(f"npm cannot install the library here: {done.stderr.decode()[-300:]}")
    return folder


def test_a_node_program_does_its_daily_work(
    universe: Universe, packages: Path, name: str, tmp_path: Path
) -> None:
    script, env = HERE / "storage.mjs", {"NODE_CLIENTS": str(packages)}
    done = universe.run(program("node"), script, name, tmp_path, env=env)
    assert json.loads(done.stdout) == {"done": True}
