"""A token of SoftHSM2 for what is measured: software, so it shows our part alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from bench.universe import Universe

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
LABEL, PIN = "bench", "1234"


def installed() -> bool:
    """Tell whether this machine has SoftHSM2."""
    return MODULE.exists() and shutil.which("softhsm2-util") is not None


def make(home: Path) -> str:
    """Make a token in a folder and return the settings that lead to it."""
    (home / "tokens").mkdir(parents=True)
    configuration = home / "softhsm2.conf"
    configuration.write_text(
        f"directories.tokendir = {home / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    command = ["softhsm2-util", "--init-token", "--free", "--label", LABEL]
    subprocess.run([*command, "--pin", PIN, "--so-pin", PIN], check=True, stdout=subprocess.DEVNULL)
    pin = home / "pin"
    pin.touch(mode=0o600)
    pin.write_text(PIN)
    return f'\n[hsm]\nmodule = "{MODULE}"\ntoken = "{LABEL}"\npin_file = "{pin}"\n'


def give(universe: Universe) -> None:
    """Make a token and lead a universe to it, which is started anew."""
    lines = make(universe.home / "hsm")
    universe.stop()
    with (universe.data / "rempart.toml").open("a") as settings:
        settings.write(lines)
    universe.start()
