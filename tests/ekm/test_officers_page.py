"""The officer's page is true: its commands run in its order, up to a key that a cloud uses."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import time
from pathlib import Path

import httpx

from support.key_holder import REMPART, Issuer, KeyHolder, b64, use

PAGE = Path(__file__).parents[2] / "docs/key-holder.md"
BLOCK = re.compile(r"```(sh|toml)\n(.*?)```", re.DOTALL)
STANDBY = "## A standby\n"
ISSUER = "https://accounts.apis.example.org"
AGENT = "service-123456789@gcp-sa-ekms.example-system.iam.gserviceaccount.com"
SECRET = "correct horse battery staple"


def _commands() -> list[str]:
    """Return the commands of one manager; a standby's are `ekm_officers/test_program.py`'s."""
    blocks = BLOCK.findall(PAGE.read_text().partition(STANDBY)[0])
    return [line for kind, block in blocks if kind == "sh" for line in block.splitlines()]


def _ours(line: str) -> tuple[list[str], str]:
    """Return a line's words with a test's passphrases and port, and the file its output goes to."""
    command, _, target = line.partition(" > ")
    words = shlex.split(command)
    if words[2] == "init":
        words[words.index("0.0.0.0:8445")] = "127.0.0.1:0"
        words[words.index("ekm.example.org")] = "localhost"
        words += ["--status", "127.0.0.1:0", "--passphrase-file", "secret"]
    if "--prove" in words:
        words[words.index("4711")] = "0"
    if ("--officer" in words and words[2] != "init") or words[2:4] == ["officer", "new"]:
        words += ["--officer-passphrase-file", "secret"]
    return [REMPART, *words[1:]], target


def _run(words: list[str], there: Path) -> str:
    if "--check" in words:
        _believe(there / "their-policy")
    done = subprocess.run(
        words, cwd=there, capture_output=True, text=True, timeout=60, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, (words, done.stdout + done.stderr)
    return done.stdout


def _believe(policy: Path) -> None:
    """Make an auditor's policy that believes the log without witnesses."""
    key = _run([REMPART, "ekm", "log", "--key"], policy.parent).strip()
    policy.write_text(f"log {key}\nquorum none\n")


def _consent(there: Path) -> None:
    """Let the second officer agree to whatever waits."""
    ours = ["--officer", "bruno.key", "--officer-passphrase-file", "secret", "--json"]
    waiting = json.loads(_run([REMPART, "ekm", "proposals", *ours], there))
    for proposal in waiting["proposals"]:
        _run([REMPART, "ekm", "approve", proposal["digest"], "--yes", *ours], there)


def test_the_officers_page_leads_to_a_key_that_a_cloud_uses(tmp_path: Path) -> None:
    issuer = Issuer(name=ISSUER)
    policy = next(block for kind, block in BLOCK.findall(PAGE.read_text()) if kind == "toml")
    for name, text in (
        ("secret", SECRET), ("keys.json", issuer.jwks()), ("policy.toml", policy),
    ):  # fmt: skip
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    holder = KeyHolder(tmp_path / "ekm-data", issuer)
    commands = _commands()
    assert len(commands) > 10
    manager: subprocess.Popen[bytes] | None = None
    try:
        for line in commands:
            words, target = _ours(line)
            if words[2] == "block":
                _use_the_key(holder)
            if words[2] == "up":
                manager = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL)
                _wait(holder)
                continue
            said = _run(words, tmp_path)
            if target:
                (tmp_path / target).write_text(said)
            if words[2] == "propose":
                _consent(tmp_path)
        blocked = _wrap(holder)
        assert blocked.status_code == 403
        assert "blocked" in blocked.text
    finally:
        if manager is not None:
            manager.send_signal(signal.SIGTERM)
            manager.wait(30)


def _wait(holder: KeyHolder) -> None:
    note = holder.data / "run.json"
    until = time.monotonic() + 30
    while not note.exists():
        assert time.monotonic() < until
        time.sleep(0.02)
    holder.port = int(json.loads(note.read_text())["listen"].rpartition(":")[2])


def _wrap(holder: KeyHolder) -> httpx.Response:
    token = holder.issuer.token(holder.audience, email=AGENT)
    return holder.ask("wrap", use(plaintext=b64(b"secret")), token=token)


def _use_the_key(holder: KeyHolder) -> None:
    assert _wrap(holder).status_code == 200
    assert holder.ask("wrap", use(plaintext="")).status_code == 401


def test_the_page_names_no_command_that_is_not_there() -> None:
    named = set(re.findall(r"`rempart ekm ([a-z]+)", PAGE.read_text()))
    for word in named:
        done = subprocess.run(
            [REMPART, "ekm", word, "--help"], capture_output=True, check=False, env=os.environ
        )
        assert done.returncode == 0, word
