"""gcloud without its start: most of a command's time is spent on imports, so they are done once.

`gcloud_server` runs in gcloud's own Python and forks a process for each command. The code, the
release and what a command is given are the same; that both ends agree is tested.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

SERVER = Path(__file__).with_name("gcloud_server.py")
START_SECONDS_MAX = 60


class GcloudServer:
    """One process that has imported gcloud, and runs one command after the other."""

    def __init__(self, gcloud: str) -> None:
        self._ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._one_at_a_time = threading.Lock()
        given = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        with its:
            self._process = subprocess.Popen(
                [gcloud, str(its.fileno())],
                env=given | {"CLOUDSDK_PYTHON_ARGS": str(SERVER)},
                pass_fds=[its.fileno()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        atexit.register(self.stop)
        self._ours.settimeout(START_SECONDS_MAX)
        if self._ours.recv(16) != b"ready":
            raise AssertionError("gcloud's launcher did not start its Python with our program")

    def stop(self) -> None:
        """End it, and a command that still runs; to do so twice does no harm."""
        self._ours.close()
        with contextlib.suppress(ProcessLookupError), self._process:
            os.killpg(self._process.pid, signal.SIGKILL)

    def run(
        self,
        words: list[str],
        stdin: bytes | None,
        env: Mapping[str, str],
        cwd: Path | None,
        timeout: float,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run `gcloud WORDS` as `subprocess.run` does, with its output captured."""
        content = json.dumps({"words": words, "env": dict(env), "cwd": str(cwd or Path.cwd())})
        (in_, to), (out, from_out), (err, from_err) = os.pipe(), _pipe(), _pipe()
        with self._one_at_a_time, ThreadPoolExecutor(3) as pool:
            self._ours.settimeout(timeout)
            socket.send_fds(self._ours, [content.encode()], [in_, out, err])
            for file in (in_, out, err):
                os.close(file)
            written = pool.submit(_write, to, stdin or b"")
            told = [pool.submit(_read, one) for one in (from_out, from_err)]
            try:
                code = int(self._ours.recv(16))
            except (TimeoutError, ValueError):
                self.stop()
                raise
            written.result()
            return subprocess.CompletedProcess(words, code, *(one.result() for one in told))


@cache
def gcloud_server(gcloud: str) -> GcloudServer:
    """Return the server that this test process shares."""
    return GcloudServer(gcloud)


def _pipe() -> tuple[int, int]:
    """Return the writing end and the reading end."""
    return os.pipe()[::-1]


def _read(file: int) -> bytes:
    with open(file, "rb") as pipe:
        return pipe.read()


def _write(file: int, content: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), open(file, "wb") as pipe:
        pipe.write(content)
