from __future__ import annotations

from pathlib import Path

import pytest

from support.shell import Shell, Universe


@pytest.fixture
def universe() -> Universe:
    return Universe()


@pytest.fixture
def shell(tmp_path: Path, universe: Universe) -> Shell:
    return Shell(tmp_path / "data", universe)


@pytest.fixture
def created(shell: Shell) -> Shell:
    result = shell.up()
    assert result.exit_code == 0, result.output
    return shell
