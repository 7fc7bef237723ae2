"""A universe of its own for a measurement: one temporary directory, one `rempart up`, no traces."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

REMPART = str(Path(sys.executable).with_name("rempart"))
READY_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 60.0
POLL_SECONDS = 0.005


class Broken(Exception):  # noqa: N818 - it is named for what it is
    """Something did not do what the measurement needs; the message says what."""


@dataclass(slots=True)
class Universe:
    """One data directory under `home`, and the server process while it runs."""

    home: Path
    listen: int
    http: int
    process: subprocess.Popen[bytes] | None = None
    program: tuple[str, ...] = (REMPART,)
    environment: dict[str, str] = field(default_factory=dict)
    """What a shell has that has evaluated `rempart env`; filled by the first start."""

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def plain_url(self) -> str:
        return f"http://127.0.0.1:{self.http}"

    def start(self) -> float:
        """Start the server and return how many seconds it took to answer."""
        log = (self.home / "rempart.log").open("ab")
        command = [*self.program, "up", "--data", str(self.data)]
        command += ["--listen", f"127.0.0.1:{self.listen}", "--http", f"127.0.0.1:{self.http}"]
        begun = time.perf_counter()
        with log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, env=bare_environment(self.home)
            )
        while not answers(self.http):
            if self.process.poll() is not None:
                raise Broken(f"rempart up ended at once:\n{self.log()}")
            if time.perf_counter() - begun > READY_SECONDS_MAX:
                raise Broken(f"rempart up is not ready after {READY_SECONDS_MAX} s:\n{self.log()}")
            time.sleep(POLL_SECONDS)
        seconds = time.perf_counter() - begun
        while not (self.data / "run.json").exists():
            time.sleep(POLL_SECONDS)
        self.environment = bare_environment(self.home) | json.loads(self.run("env", "--json"))
        return seconds

    def stop(self) -> None:
        """Stop the server as an operator does."""
        process, self.process = self.process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise Broken(f"rempart up did not stop:\n{self.log()}") from None

    def run(self, *words: str) -> str:
        """Run a `rempart` command on this universe and return what it prints."""
        done = subprocess.run(
            [REMPART, *words, "--data", str(self.data)],
            capture_output=True,
            text=True,
            env=bare_environment(self.home),
            check=False,
        )
        if done.returncode:
            raise Broken(f"rempart {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def token(self) -> str:
        """Return a bearer token of the administrator."""
        return self.run("token").strip()

    def log(self) -> str:
        """Return the end of what the server printed."""
        return (self.home / "rempart.log").read_text(errors="replace")[-4000:]


@contextlib.contextmanager
def temporary_universe(under: Path | None = None) -> Iterator[Universe]:
    """Give a universe that has not been started, and remove all of it at the end."""
    home = Path(tempfile.mkdtemp(prefix="rempart-", dir=under))
    listen, http = free_ports(2)
    universe = Universe(home, listen, http)
    try:
        yield universe
    finally:
        try:
            universe.stop()
        finally:
            shutil.rmtree(home, ignore_errors=True)


def bare_environment(home: Path) -> dict[str, str]:
    """Return the environment of a user who has set nothing of any cloud."""
    names = ("PATH", "LANG", "TMPDIR", "SOFTHSM2_CONF")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return kept | {"HOME": str(home), "CLOUDSDK_CORE_DISABLE_PROMPTS": "1", "TERM": "dumb"}


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback address that nobody uses at this moment."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def answers(port: int) -> bool:
    """Return whether somebody accepts connections on a port of the loopback address."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
