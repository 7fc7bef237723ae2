"""A key holder beside a universe: a process and a data directory of its own, and two officers."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.universe import POLL_SECONDS, READY_SECONDS_MAX, REMPART, STOP_SECONDS_MAX, Broken

OFFICERS = ("alice", "bruno")
PASSPHRASE = "a passphrase of the demonstration only"
POLICY = """\
version = 1

[[rule]]
name = "the customer's own access, and the cloud's housekeeping"
issuers = ["{issuer}"]
projects = ["{project}"]
keys = ["v0/cryptospaces/*", "v0/cryptospaces/*/keys/*"]
verbs = ["wrap", "unwrap"]
reasons = ["CUSTOMER_INITIATED_ACCESS"]

[[rule]]
name = "housekeeping: nobody signs for it"
issuers = ["{issuer}"]
projects = ["{project}"]
keys = ["v0/cryptospaces/*", "v0/cryptospaces/*/keys/*"]
verbs = ["wrap", "unwrap"]
reasons = ["GOOGLE_INITIATED_SYSTEM_OPERATION"]
requires_approval = false
"""


@dataclass(slots=True)
class KeyHolder:
    """The key holder's data directory, its officers' keys, and the process while it runs."""

    home: Path
    process: subprocess.Popen[bytes] | None = None
    port: int = 0

    @property
    def data(self) -> Path:
        return self.home / "holder"

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    @property
    def certificate(self) -> Path:
        return self.data / "tls/certificate.pem"

    def create(self) -> None:
        """Make two officers, who decide together, and the key holder's data directory."""
        secret = self.home / "passphrase"
        secret.touch(mode=0o600)
        secret.write_text(f"{PASSPHRASE}\n")
        given = []
        for name in OFFICERS:
            key = str(self._key(name))
            self.run("officer", "new", "--name", name, "--out", key, *self._passphrase)
            public = self.home / f"{name}.pub"
            public.write_text(self.run("officer", "public", key))
            given += ["--officer", str(public)]
        self.run(
            "init", "--data", str(self.data), "--host", "localhost", "--listen", "127.0.0.1:0",
            "--status", "127.0.0.1:0", "--passphrase-file", str(secret), *given, "--quorum", "2",
        )  # fmt: skip

    def start(self) -> None:
        note = self.data / "run.json"
        with (self.home / "holder.log").open("ab") as log:
            self.process = subprocess.Popen(
                [REMPART, "ekm", "up", "--data", str(self.data)], stdout=log, stderr=log
            )
        begun = time.perf_counter()
        while not note.exists():
            if self.process.poll() is not None or time.perf_counter() - begun > READY_SECONDS_MAX:
                raise Broken((self.home / "holder.log").read_text(errors="replace"))
            time.sleep(POLL_SECONDS)
        self.port = int(json.loads(note.read_text())["listen"].rpartition(":")[2])

    def stop(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_SECONDS_MAX)

    def run(self, *words: str) -> str:
        """Type `rempart ekm …` and return what it prints."""
        done = subprocess.run(
            [REMPART, "ekm", *words], capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL, env=dict(os.environ),
        )  # fmt: skip
        if done.returncode:
            raise Broken(f"rempart ekm {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def signed(self, *words: str, by: str = OFFICERS[0]) -> dict[str, object]:
        """Type a command that an officer signs, and return what it answers."""
        at = ["--data", str(self.data), "--officer", str(self._key(by)), *self._passphrase]
        told: dict[str, object] = json.loads(self.run(*words, *at, "--json"))
        return told

    def decide(self, *words: str) -> None:
        """Let one officer propose and the other consent."""
        self._consented(self.signed("propose", *words))

    def unblock(self) -> None:
        """Lift the block that is in force, by both officers."""
        blocks = self.signed("status")["blocks"]
        if not isinstance(blocks, list) or not blocks:
            raise Broken("No block is in force.")
        self._consented(self.signed("unblock", str(blocks[0]["digest"])))

    def _consented(self, proposed: dict[str, object]) -> None:
        self.signed("approve", str(proposed["digest"]), "--yes", by=OFFICERS[1])

    def _key(self, officer: str) -> Path:
        return self.home / f"{officer}.key"

    @property
    def _passphrase(self) -> tuple[str, str]:
        return ("--officer-passphrase-file", str(self.home / "passphrase"))


@contextlib.contextmanager
def key_holder(home: Path) -> Iterator[KeyHolder]:
    """Give a key holder that runs, and stop it at the end."""
    holder = KeyHolder(home)
    holder.create()
    holder.start()
    try:
        yield holder
    finally:
        holder.stop()
