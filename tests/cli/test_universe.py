"""The real program, as a user starts it."""

from __future__ import annotations

import json
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import httpx
import pytest

GREETING_LINES = 5
READY_SECONDS_MAX = 30
"""Not the goal, which `make bench` measures: the point from which a start hangs."""


class Program:
    def __init__(self, data: Path) -> None:
        self.data = data
        self.process = self.start("up", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0")
        overdue = threading.Timer(READY_SECONDS_MAX, self.process.kill)
        overdue.start()
        self.greeting = [self.output.readline() for _ in range(GREETING_LINES)]
        overdue.cancel()

    @property
    def output(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout

    def start(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "rempart", *words, "--data", str(self.data)]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def run(self, *words: str) -> tuple[int, str]:
        process = self.start(*words)
        output, _ = process.communicate(timeout=60)
        return process.returncode, output

    def stop(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGTERM)
        rest = self.output.read()
        return self.process.wait(timeout=60), rest


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    running = Program(tmp_path / "d")
    yield running
    running.process.kill()
    running.process.wait()
    running.output.close()


def listed(program: Program) -> httpx.Response:
    _, status = program.run("status", "--json")
    facts = json.loads(status)
    _, token = program.run("token")
    trusted = ssl.create_default_context(cafile=program.data / "ca.pem")
    with httpx.Client(verify=trusted) as client:
        return client.get(
            f"https://localhost:{facts['listen'].rpartition(':')[2]}/storage/v1/b",
            params={"project": facts["project"]},
            headers={"Authorization": f"Bearer {token.strip()}"},
        )


def test_a_universe_is_created_answers_refuses_a_second_and_stops_cleanly(
    program: Program,
) -> None:
    assert all(program.greeting), "".join(program.greeting) + program.output.read()
    assert listed(program).status_code == 200

    code, said = program.run("up")
    assert code == 75
    assert "It is unharmed" in said
    assert listed(program).status_code == 200
    code, said = program.run("doctor")
    assert code == 0
    assert "WARN log          no witness" in said
    assert "rempart log add-witness" in said
    code, said = program.run("verify")
    assert code == 75
    assert "Nothing was verified: stop it first" in said
    assert listed(program).status_code == 200

    code, said = program.stop()
    assert (code, said.splitlines()[-1]) == (0, "Stopped.")
    assert program.run("status")[0] == 1
    code, said = program.run("verify")
    assert code == 0, said
