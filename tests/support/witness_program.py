"""A real `rempart witness up` in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from click.testing import CliRunner

from rempart.tlog.keys import VerifierKey, parse_verifier_key
from rempart.tlog.submission import Submission
from rempart.witness.cli import command

REMPART = str(Path(sys.executable).with_name("rempart"))
READY_SECONDS_MAX = 30


@dataclass
class WitnessProgram:
    """One data directory, sealed under a key file beside it."""

    data: Path
    process: subprocess.Popen[bytes] | None = None
    port: int = 0

    @classmethod
    def create(cls, data: Path, name: str = "witness.example/w1") -> WitnessProgram:
        made = cls(data)
        key = data.parent / f"{data.name}.key"
        made.run(
            "init", "--name", name, "--host", "localhost", "--listen", "127.0.0.1:0",
            "--key-file", str(key),
        )  # fmt: skip
        return made

    def run(self, *words: str, fails: bool = False) -> str:
        """Say `rempart witness …`, in this process, and return what is answered."""
        done = CliRunner().invoke(command, [*words, "--data", str(self.data)])
        assert (done.exit_code != 0) == fails, done.output
        return done.output

    def told(self, *words: str, fails: bool = False) -> Any:
        return json.loads(self.run(*words, "--json", fails=fails))

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        lines = (self.data / "keys.pub").read_text().splitlines()
        return tuple(parse_verifier_key(line) for line in lines)

    @property
    def certificate(self) -> str:
        return (self.data / "tls" / "certificate.pem").read_text()

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def start(self, stdin: Path = Path(os.devnull)) -> None:
        note = self.data / "run.json"
        note.unlink(missing_ok=True)
        with self._output.open("wb") as output, stdin.open("rb") as given:
            self.process = subprocess.Popen(
                [REMPART, "witness", "up", "--data", str(self.data)],
                stdin=given, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        until = time.monotonic() + READY_SECONDS_MAX
        while not note.exists():
            assert self.process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
        self.port = int(json.loads(note.read_text())["listen"].rpartition(":")[2])

    @property
    def _output(self) -> Path:
        return self.data.parent / f"{self.data.name}.out"

    def said(self) -> str:
        """Return what the program printed; all of it once it has stopped."""
        return self._output.read_text()

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(30)
            self.process = None

    def client(self) -> httpx.Client:
        context = ssl.create_default_context(cadata=self.certificate)
        return httpx.Client(base_url=self.url, verify=context, timeout=20)

    def add(self, submission: Submission | bytes) -> httpx.Response:
        content = submission if isinstance(submission, bytes) else submission.encode()
        with self.client() as client:
            return client.post("/add-checkpoint", content=content)
