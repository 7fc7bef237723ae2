"""A module beside a token's own, which hangs or fails when a test says so."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.softhsm import SoftHSM

SOURCE = Path(__file__).parents[1] / "trust/custody/pkcs11/failing.c"


@dataclass(frozen=True)
class Fault:
    """What the module does instead of signing; `module` passes all else on to the token's."""

    module: Path
    file: Path

    def begin(self, kind: str) -> None:
        self.file.write_text(kind)

    def end(self) -> None:
        self.file.unlink()


@pytest.fixture
def fault(softhsm: SoftHSM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fault:
    """Return what makes a token fail."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("gcc is not installed on this machine")
    made = Fault(tmp_path / "failing.so", tmp_path / "fault")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", made.module, SOURCE, "-ldl"], check=True)
    monkeypatch.setenv("REAL_MODULE", str(softhsm.module))
    monkeypatch.setenv("FAULT", str(made.file))
    return made
