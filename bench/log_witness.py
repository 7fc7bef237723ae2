"""A witness beside a universe, in a process of its own, that cosigns all its checkpoints."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.universe import REMPART, Broken, Universe, bare_environment

READY_SECONDS_MAX = 60.0
NAME = "w"


@contextlib.contextmanager
def witnessed(universe: Universe) -> Iterator[None]:
    """Have a witness cosign what a running universe publishes; it is started again for that."""
    home = Path(tempfile.mkdtemp(prefix="witness-"))
    data = home / "data"
    key = universe.run("log", "key").strip()
    told = ("--name", "bench/w", "--host", "localhost", "--listen", "127.0.0.1:0")
    _say(home, "init", *told, "--key-file", str(home / "key"))
    _say(home, "add-log", key)
    process = subprocess.Popen(
        [REMPART, "witness", "up", "--data", str(data)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=bare_environment(home),
    )
    try:
        _demand(universe, data, key, _port(data, process))
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        shutil.rmtree(home, ignore_errors=True)


def _say(home: Path, *words: str) -> None:
    subprocess.run(
        [REMPART, "witness", *words, "--data", str(home / "data")],
        check=True,
        stdout=subprocess.DEVNULL,
        env=bare_environment(home),
    )


def _port(data: Path, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + READY_SECONDS_MAX
    while not (data / "run.json").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise Broken("The witness does not start.")
        time.sleep(0.05)
    return int(json.loads((data / "run.json").read_text())["listen"].rpartition(":")[2])


def _demand(universe: Universe, data: Path, key: str, port: int) -> None:
    public = (data / "keys.pub").read_text().splitlines()[0]
    policy = f"log {key}\nwitness {NAME} {public} https://localhost:{port}\nquorum {NAME}\n"
    (universe.data / "log-policy").write_text(policy)
    certificates = universe.data / "log-witnesses"
    certificates.mkdir()
    shutil.copy(data / "tls" / "certificate.pem", certificates / f"{NAME}.pem")
    universe.stop()
    universe.start()
