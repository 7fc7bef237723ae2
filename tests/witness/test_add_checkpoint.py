"""`add-checkpoint` of C2SP tlog-witness at a running witness, and what auditors read there."""

from __future__ import annotations

import configparser
import json
import shlex
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rempart.tlog.checkpoint import Checkpoint
from rempart.tlog.keys import Algorithm, seeded_signer
from rempart.tlog.note import Note, parse_note, parse_signatures, sign_note
from rempart.tlog.policy import parse_policy
from rempart.tlog.submission import SIZE_TYPE, Submission
from rempart.witness.door import BODY_BYTES_MAX
from rempart.witness.record import file_name
from support.paper_log import PaperLog
from support.witness_program import REMPART, WitnessProgram

LOG = PaperLog("log.example/shared")
STRANGER = PaperLog("log.example/stranger")
LATEST = 20
GUIDE = Path(__file__).parents[2] / "docs" / "witness.md"


def _signed(checkpoint: Checkpoint, seed: bytes = LOG.seed) -> Note:
    signer = seeded_signer(LOG.origin, Algorithm.ED25519, seed)
    return sign_note(checkpoint.text, [signer], 0)


def _edited(old: bytes, new: bytes) -> bytes:
    content = LOG.submission(LATEST, 30).encode()
    assert old in content
    return content.replace(old, new, 1)


TRUE = LOG.submission(LATEST, 30)
REFUSED: dict[str, tuple[bytes, int, str]] = {
    "an unknown origin": (STRANGER.submission(0, 9).encode(), 404, ""),
    "no signature of a trusted key": (
        Submission(LATEST, TRUE.proof, _signed(LOG.checkpoint(30), b"x" * 32)).encode(),
        403,
        "",
    ),
    "a false signature of the trusted key": (
        Submission(
            LATEST, TRUE.proof, Note(TRUE.note.text, LOG.note(31).signatures)
        ).encode(),
        403,
        "",
    ),
    "an old size above the checkpoint's": (
        Submission(31, (), LOG.note(30)).encode(),
        400,
        "",
    ),
    "an old size below the latest": (LOG.submission(7, 30).encode(), 409, "20\n"),
    "an old size of zero": (LOG.submission(0, 30).encode(), 409, "20\n"),
    "an old size above the latest": (LOG.submission(25, 30).encode(), 409, "20\n"),
    "a tree that shrinks": (LOG.submission(9, 10).encode(), 409, "20\n"),
    "another root of the latest size": (
        LOG.forked(3).submission(LATEST, LATEST).encode(),
        409,
        "20\n",
    ),
    "a fork": (LOG.forked(3).submission(LATEST, 30).encode(), 422, ""),
    "a proof that is too short": (
        Submission(LATEST, TRUE.proof[:-1], TRUE.note).encode(),
        422,
        "",
    ),
    "a proof that is too long": (
        Submission(LATEST, (*TRUE.proof, TRUE.proof[0]), TRUE.note).encode(),
        422,
        "",
    ),
    "a proof where none is due": (
        Submission(LATEST, TRUE.proof, LOG.note(LATEST)).encode(),
        422,
        "",
    ),
    "more than 63 hashes": (Submission(LATEST, TRUE.proof[:1] * 64, TRUE.note).encode(), 400, ""),
    "no old line": (_edited(b"old 20\n", b""), 400, ""),
    "an old size with a leading zero": (_edited(b"old 20", b"old 020"), 400, ""),
    "an old size with a sign": (_edited(b"old 20", b"old +20"), 400, ""),
    "carriage returns": (_edited(b"old 20\n", b"old 20\r\n"), 400, ""),
    "a hash that is too short": (_edited(b"old 20\n", b"old 20\nAAAA\n"), 400, ""),
    "no blank line": (_edited(b"\n\n", b"\n"), 400, ""),
    "no signature": (TRUE.encode().rpartition(b"\n\n")[0] + b"\n\n", 400, ""),
    "an empty body": (b"", 400, ""),
    "a body that is not text": (b"\xff\xfe", 400, ""),
    "a body that is too long": (TRUE.encode() + b"x" * BODY_BYTES_MAX, 413, ""),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_and_nothing_changes(witness: WitnessProgram, case: str) -> None:
    content, status, body = REFUSED[case]
    answer = witness.add(content)
    assert answer.status_code == status
    if body:
        assert answer.text == body
        assert answer.headers["content-type"] == SIZE_TYPE
    assert "\u2014" not in answer.text
    with witness.client() as client:
        latest = client.get(f"/latest/{file_name(LOG.origin)}").content
    assert parse_note(latest).text == LOG.checkpoint(LATEST).text


def test_the_latest_is_cosigned_again_with_both_keys(witness: WitnessProgram) -> None:
    answer = witness.add(LOG.submission(LATEST, LATEST))
    assert answer.status_code == 200
    note = Note(LOG.checkpoint(LATEST).text, parse_signatures(answer.text))
    verified = note.opened(witness.keys)
    assert [it.key for it in verified] == list(witness.keys)
    assert all(abs((it.seconds or 0) - time.time()) < 120 for it in verified)


def test_an_auditor_reads_what_was_cosigned_last(witness: WitnessProgram) -> None:
    with witness.client() as client:
        logs = {it["origin"]: it for it in client.get("/logs").json()["logs"]}
        log = logs[LOG.origin]
        assert log["latest"] == f"/latest/{file_name(LOG.origin)}"
        note = parse_note(client.get(log["latest"]).content)
        assert client.get("/keys").text == "".join(f"{key.text}\n" for key in witness.keys)
        assert client.get("/latest/" + "0" * 64).status_code == 404
        assert client.get("/latest/../witness.toml").status_code == 404
        assert client.get("/healthz").status_code == 200
    assert note.text == LOG.checkpoint(LATEST).text
    assert len(note.opened([LOG.signer.key, *witness.keys])) == 3


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/add-checkpoint", 405),
        ("PUT", "/add-checkpoint", 405),
        ("POST", "/logs", 405),
        ("DELETE", "/latest/x", 405),
        ("GET", "/", 404),
    ],
)
def test_nothing_else_is_there(
    witness: WitnessProgram, method: str, path: str, status: int
) -> None:
    with witness.client() as client:
        assert client.request(method, path).status_code == status


def test_plain_http_gets_nowhere(witness: WitnessProgram) -> None:
    with socket.create_connection(("127.0.0.1", witness.port)) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert not plain.recv(100).startswith(b"HTTP/1.1 200")


def test_status_and_log_tell_what_happened(witness: WitnessProgram) -> None:
    witness.add(LOG.forked(3).submission(LATEST, LATEST))
    witness.add(LOG.submission(9, 10))
    status = witness.told("status", fails=True)
    assert status["running"]
    assert LOG.origin in status["forked"]
    assert {it["origin"]: it["size"] for it in status["logs"]}[LOG.origin] == LATEST
    ((origin, size, after),) = ((it["origin"], it["size"], it["after"]) for it in status["smaller"])
    assert (origin, size, after) == (LOG.origin, 10, LATEST)
    said = witness.run("status", fails=True)
    assert "FORKED" in said
    assert f"CAME BACK SMALLER: {LOG.origin} showed size 10" in said
    (fork,) = witness.run("log", "--forks", "--origin", LOG.origin, "--json").splitlines()
    assert len(json.loads(fork)["notes"]) == 2
    assert "cosigned" in witness.run("log", "--origin", LOG.origin)
    assert witness.run("log", "--origin", "another") == ""
    assert witness.run("keys").splitlines() == [key.text for key in witness.keys]
    assert "already runs" in witness.run("up", fails=True)


def test_a_key_holder_s_operator_is_told_the_line_and_a_universe_s_the_command(
    witness: WitnessProgram,
) -> None:
    fingerprint = witness.told("certificate")["sha256"]
    for n, name in enumerate(("ekm.example/log", "ekm.example:8445/log/2")):
        key = seeded_signer(name, Algorithm.ED25519, bytes([n]) * 32).key.text
        said = witness.run("add-log", key)
        line = said.rstrip().partition(":  ")[2]
        assert "add-witness" not in said
        assert "log-witnesses/witness.example-w1.pem" in said
        policy = parse_policy(f"log {key}\n{line}\nquorum witness.example-w1\n".encode())
        (named,) = policy.witnesses
        assert (named.key, named.url) == (witness.keys[0], f"{witness.url}/")
        witness.run("remove-log", key)
    for n, name in enumerate(("log.example", "log.example/2", "example/catalog")):
        key = seeded_signer(name, Algorithm.ED25519, bytes([n + 9]) * 32).key.text
        said = witness.run("add-log", key)
        assert said.rstrip().endswith(f"--fingerprint {fingerprint}")
        assert "log-policy" not in said
        witness.run("remove-log", key)


def test_what_init_says_to_do_next_can_be_typed_as_it_is(tmp_path: Path) -> None:
    made, key = WitnessProgram(tmp_path / "a witness"), tmp_path / "key"
    said = made.run("init", "--name", "w.example/1", "--host", "w.example", "--key-file", str(key))
    assert f"rempart witness up --data '{made.data}'" in said
    assert f"rempart witness add-log VKEY --data '{made.data}'" in said


def test_killed_while_it_answers_it_comes_back_with_what_it_gave(tmp_path: Path) -> None:
    witness = WitnessProgram.create(tmp_path / "data")
    for path in witness.data.rglob("*"):
        if path.is_file() and path.name not in {"certificate.pem", "keys.pub"}:
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    witness.start()
    assert witness.add(LOG.submission(0, 5)).status_code == 404
    witness.run("add-log", LOG.signer.key.text)  # while it runs
    given = [witness.add(LOG.submission(size, size + 1)).status_code for size in range(5)]
    assert given == [200] * 5
    witness.stop(signal.SIGKILL)
    (witness.data / "latest" / f"{file_name(LOG.origin)}.new").write_bytes(b"torn")
    witness.start()
    assert witness.add(LOG.forked(2).submission(5, 5)).status_code == 409
    assert witness.add(LOG.submission(5, 8)).status_code == 200
    assert "FORKED" in witness.run("status", fails=True)
    witness.run("remove-log", LOG.signer.key.text)
    assert witness.add(LOG.submission(8, 9)).status_code == 404
    # Who takes the log out has seen its fork; the evidence stays.
    assert witness.told("status")["forked"] == []
    (fork,) = witness.run("log", "--forks", "--json").splitlines()
    assert len(json.loads(fork)["notes"]) == 2
    witness.stop()
    fingerprint = witness.told("certificate")["sha256"]
    ready, listens = witness.said().splitlines()[:2]
    assert ready == (
        f"Ready: {witness.url}/, witness witness.example/w1, certificate {fingerprint}."
    )
    assert listens == f"It listens on 127.0.0.1:{witness.port}."


def test_it_is_made_and_started_as_the_guide_has_it_by_systemd(tmp_path: Path) -> None:
    page = GUIDE.read_text()
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(page.partition("```ini\n")[2].partition("```")[0])
    started = shlex.split(unit["Service"]["ExecStart"])
    assert started[1:-1] == ["witness", "up", "--data"]
    making = page[page.index("/opt/rempart/bin/rempart witness init") :].partition("\n```")[0]
    words, _, secret_file = making.replace("\\\n", "").partition("<")
    assert unit["Service"]["StandardInput"] == f"file:{secret_file.strip()}"
    data, secret = tmp_path / "data", tmp_path / "passphrase"
    secret.write_text("correct horse battery staple\n")
    made = shlex.split(words)
    assert made[1:4] == ["witness", "init", "--data"]
    assert made[4] == started[-1]
    options = [word.replace("0.0.0.0:8447", "127.0.0.1:0") for word in made[5:]]
    with secret.open() as given:
        subprocess.run(
            [REMPART, "witness", "init", "--data", data, *options],
            stdin=given, capture_output=True, check=True,
        )  # fmt: skip
    witness = WitnessProgram(data)
    witness.start(secret)
    witness.stop()
    assert f"https://witness.example.org:{witness.port}/" in witness.said()


def test_commands_say_what_is_wrong(tmp_path: Path) -> None:
    witness = WitnessProgram(tmp_path / "data")
    for words in (("up",), ("status",), ("keys",), ("log",), ("add-log", "x")):
        assert "There is no witness" in witness.run(*words, fails=True)
    assert "no terminal" in witness.run("init", "--name", "w", fails=True)
    named = ("init", "--key-file", str(tmp_path / "key"), "--name")
    assert "name is" in witness.run(*named, "a b", fails=True)
    plain = ("w", "--tls", "none", "--listen", "0.0.0.0:1")
    assert "this machine only" in witness.run(*named, *plain, fails=True)
    made = WitnessProgram.create(tmp_path / "made")
    assert made.told("add-log", LOG.signer.key.text)["invitation"] == ""  # its port is not known
    settings = made.data / "witness.toml"
    settings.write_text(settings.read_text().replace("127.0.0.1:0", "0.0.0.0:8447"))
    fingerprint = made.told("certificate")["sha256"]
    made.run("remove-log", LOG.signer.key.text)
    assert made.run("add-log", LOG.signer.key.text).endswith(
        f"add-witness https://localhost:8447/ {made.keys[0].text} --fingerprint {fingerprint}\n"
    )
    made.run("remove-log", LOG.signer.key.text)
    assert "not empty" in made.run("init", "--name", "w", fails=True)
    assert "witness's" in made.run("add-log", made.keys[0].text, fails=True)
    assert "verifier key" in made.run("add-log", "nonsense", fails=True)
    assert "not among" in made.run("remove-log", LOG.signer.key.text, fails=True)
    before = made.told("certificate")
    assert before["pem"] == made.certificate == made.run("certificate")
    assert made.run("certificate", "--renew") != before["pem"]
    settings.write_text(settings.read_text() + 'colour = "blue"\n')
    assert "'colour' is unknown" in made.run("status", fails=True)


_LISTING = """
import contextlib, sys
sys.argv = ["rempart", "witness", "up", "--data", "/nonexistent"]
from rempart.__main__ import main
with contextlib.suppress(SystemExit):
    main()
print(*sys.modules)
"""


def test_the_program_loads_nothing_of_the_cloud_nor_of_the_key_holder() -> None:
    listed = subprocess.run(
        [sys.executable, "-c", _LISTING], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "rempart.witness.run" in listed
    others = ("app", "edge", "ekm", "engine", "runner", "services", "trust.gate")
    strange = tuple(f"rempart.{it}" for it in others)
    assert not [name for name in listed if name.startswith((*strange, "apsw", "envoy", "grpc"))]
