"""A token of SoftHSM in a folder of its own: the test's hardware, which can be taken away."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from rempart.config import HSMConfig
from rempart.trust.custody.pkcs11.abi import Module, Refused
from rempart.trust.custody.pkcs11.token import TokenSettings

LABEL, PIN = "rempart-test", "24680"
_MODULES = (
    Path("/usr/lib/softhsm/libsofthsm2.so"),
    Path("/usr/lib64/softhsm/libsofthsm2.so"),
    Path("/usr/local/lib/softhsm/libsofthsm2.so"),
)


@dataclass
class SoftHSM:
    """A token, initialized; `environment` leads the module to it."""

    folder: Path
    module: Path

    @classmethod
    def create(cls, folder: Path) -> SoftHSM:
        """Make a token, or skip the test with the reason."""
        module = next((one for one in _MODULES if one.exists()), None)
        if module is None or shutil.which("softhsm2-util") is None:
            pytest.skip("SoftHSM2 is not installed on this machine")
        made = cls(folder, module)
        made.tokens.mkdir(parents=True)
        made.configuration.write_text(
            f"directories.tokendir = {made.tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"
        )
        made.pin_file.touch(mode=0o600)
        made.pin_file.write_text(f"{PIN}\n")
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", "--label", LABEL, "--pin", PIN,
             "--so-pin", "13579"],
            env=os.environ | made.environment, check=True, capture_output=True,
        )  # fmt: skip
        return made

    @property
    def tokens(self) -> Path:
        return self.folder / "tokens"

    @property
    def configuration(self) -> Path:
        return self.folder / "softhsm2.conf"

    @property
    def pin_file(self) -> Path:
        return self.folder / "pin"

    @property
    def environment(self) -> dict[str, str]:
        return {"SOFTHSM2_CONF": str(self.configuration)}

    @property
    def config(self) -> HSMConfig:
        return HSMConfig(self.module, LABEL, self.pin_file)

    @property
    def settings(self) -> TokenSettings:
        return TokenSettings(self.module, LABEL, self.pin_file)

    def toml(self) -> str:
        """Return the lines of `rempart.toml` that lead a universe to the token."""
        return (
            f'\n[hsm]\nmodule = "{self.module}"\ntoken = "{LABEL}"\npin_file = "{self.pin_file}"\n'
        )

    @property
    def objects(self) -> int:
        """Count the objects that the token keeps, without asking the module."""
        return sum(1 for file in self.tokens.glob("*/*.object") if file.stem != "token")

    def destroy_all(self) -> None:
        """Destroy every object in the token, as its security officer can."""
        for file in self.tokens.glob("*/*.object"):
            if file.stem != "token":
                file.unlink()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Take the token away for a while."""
        elsewhere = self.folder / "elsewhere"
        self.tokens.rename(elsewhere)
        self.tokens.mkdir()
        try:
            yield
        finally:
            shutil.rmtree(self.tokens)
            elsewhere.rename(self.tokens)


@pytest.fixture
def softhsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftHSM]:
    """Return a new token that this process's module finds."""
    made = SoftHSM.create(tmp_path / "hsm")
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    yield made
    # The module reads its configuration when it is initialized: the next test's is another.
    with suppress(Refused):
        Module(made.module).call("Finalize", None)
