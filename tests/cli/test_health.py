from __future__ import annotations

import json
import os
import shutil
import socket
import time
from pathlib import Path
from types import SimpleNamespace

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from rempart.core.clock import Micros
from rempart.trust.custody import pki
from rempart.universe import Check
from support.shell import PRIVATE_KEY, Shell
from support.softhsm import SoftHSM, softhsm

__all__ = ["softhsm"]

DAY_MICROS = 86_400 * 1_000_000


def found(shell: Shell, name: str) -> dict[str, object]:
    result = shell.type("doctor", "--json")
    answer = json.loads(result.output)
    (check,) = [each for each in answer["checks"] if each["name"] == name]
    assert result.exit_code == (0 if answer["ok"] else 1)
    assert check["ok"] or check["remedy"]
    return dict(check)


def test_a_stopped_universe_is_said_to_be_stopped(created: Shell) -> None:
    result = created.type("status", "--json")
    assert result.exit_code == 1
    assert json.loads(result.output)["running"] is False


def test_broken_rules_refuse_a_start_and_not_the_question_where_the_universe_is(
    created: Shell,
) -> None:
    rules = created.data / "separation-of-duties.toml"
    rules.write_text("# kept apart\n[[rule]]\nname = 'keys'\n")
    where = f"{rules}, rule in line 2: a rule has name, one, other"
    env = created.type("env")
    assert env.exit_code == 0
    assert "export GOOGLE_CLOUD_PROJECT=" in env.stdout
    assert "separation-of-duties" not in env.stdout
    assert where in env.stderr
    assert "Correct it" in env.stderr
    status = created.type("status", "--json")
    assert status.exit_code == 1
    assert where in json.loads(status.stdout)["rules_problem"]
    assert where in created.type("status").stdout
    assert where in str(found(created, "settings")["detail"])
    refused = created.up()
    assert refused.exit_code == 1
    assert where in refused.stderr
    rules.unlink()
    assert "rules_problem" not in json.loads(created.type("status", "--json").stdout)


def test_a_running_universe_says_where_it_listens(created: Shell) -> None:
    seen = []
    created.universe.while_serving = lambda: seen.append(created.type("status", "--json"))
    created.up()
    facts = json.loads(seen[0].output)
    assert seen[0].exit_code == 0
    assert facts["pid"] == os.getpid()
    assert facts["listen"] == str(created.universe.served[-1].listen)


def test_a_fresh_universe_is_well(created: Shell) -> None:
    result = created.type("doctor")
    assert result.exit_code == 0, result.output
    assert "BAD" not in result.output


@pytest.mark.parametrize("name", ["root.key", "tls/ca-key.pem", "admin-key.json"])
def test_a_secret_that_others_can_read_is_found(created: Shell, name: str) -> None:
    (created.data / name).chmod(0o644)
    assert f"chmod 600 {created.data / name}" in str(found(created, "secrets")["remedy"])


def test_a_missing_secret_is_found(created: Shell) -> None:
    (created.data / "root.key").unlink()
    assert found(created, "secrets")["ok"] is False


def test_a_certificate_near_its_end_is_found_and_the_next_start_renews_it(created: Shell) -> None:
    config = created.universe.served[0]
    long_ago = Micros(time.time_ns() // 1000 - 380 * DAY_MICROS)
    for path in (*(created.data / "tls").iterdir(), created.data / "ca.pem"):
        path.unlink()
    pki.ensure(created.data, config.domain, config.regions, long_ago)
    assert "Restart" in str(found(created, "certificate")["remedy"])
    assert "renewed" in created.up().output
    assert found(created, "certificate")["ok"] is True


def test_a_file_from_the_future_shows_that_the_clock_is_off(created: Shell) -> None:
    ahead = time.time() + 3600
    os.utime(created.data / "ca.pem", (ahead, ahead))
    assert "Set the clock" in str(found(created, "clock")["remedy"])


def test_a_taken_port_is_found(created: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        path = created.data / "rempart.toml"
        port = other.getsockname()[1]
        path.write_text(
            path.read_text().replace('http = "127.0.0.1:0"', f'http = "127.0.0.1:{port}"')
        )
        assert f"Port {port} is taken" in str(found(created, "port http")["remedy"])


def test_a_nearly_full_disk_is_found(created: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    small = SimpleNamespace(total=10 << 30, free=(1 << 30) - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: small)
    assert "Free space" in str(found(created, "disk")["remedy"])


def test_a_token_that_is_gone_or_refuses_the_pin_is_found(created: Shell, softhsm: SoftHSM) -> None:
    with (created.data / "rempart.toml").open("a") as settings:
        settings.write(softhsm.toml())
    assert found(created, "token")["ok"]
    with softhsm.away():
        assert "No token is labelled" in str(found(created, "token")["detail"])
    softhsm.pin_file.write_text("0000\n")
    wrong = found(created, "token")
    assert "refuses the PIN" in str(wrong["detail"])
    assert "[hsm]" in str(wrong["remedy"])


def test_a_newer_directory_is_found(created: Shell) -> None:
    path = created.data / "rempart.toml"
    path.write_text(path.read_text().replace("format = 1", "format = 7"))
    assert "newer Rempart" in str(found(created, "settings")["detail"])


def test_a_plaintext_port_for_everybody_is_found(created: Shell) -> None:
    path = created.data / "rempart.toml"
    path.write_text(path.read_text().replace('http = "127.0.0.1:0"', 'http = "0.0.0.0:0"'))
    assert found(created, "plaintext")["ok"] is False


def test_a_token_is_signed_by_the_administrators_key(created: Shell) -> None:
    token = created.type("token").output.strip()
    public = load_pem_private_key(PRIVATE_KEY.encode(), None).public_key()
    claims = jwt.decode(token, public, algorithms=["RS256"])  # type: ignore[arg-type]  # an RSA key
    assert claims["iss"] == claims["sub"] == "administrator@default.rempart.iam.gserviceaccount.com"
    assert claims["exp"] - claims["iat"] == 3600
    assert jwt.get_unverified_header(token)["kid"] == "k1"


def test_a_token_in_a_wrong_folder_speaks_of_the_folder(shell: Shell) -> None:
    result = shell.type("token")
    assert result.exit_code == 1
    assert "There is no universe in" in result.output


def test_a_token_of_another_key_file_needs_no_universe(created: Shell, tmp_path: Path) -> None:
    key = str(created.data / "admin-key.json")
    elsewhere = Shell(tmp_path / "nowhere", created.universe)
    assert elsewhere.type("token", "--key", key).exit_code == 0


def test_verify_leaves_a_running_universe_alone(created: Shell) -> None:
    seen = []
    created.universe.while_serving = lambda: seen.append(created.type("verify"))
    assert created.up().exit_code == 0
    assert seen[0].exit_code == 75
    assert "a universe already runs" in seen[0].output
    assert "stop it first" in seen[0].output
    assert "BAD" not in seen[0].output


def test_a_broken_key_file_is_refused_without_quoting_it(created: Shell) -> None:
    (created.data / "admin-key.json").write_text('{"private_key": "TOP SECRET"}')
    result = created.type("token")
    assert result.exit_code == 1
    assert "SECRET" not in result.output


@pytest.mark.parametrize(
    ("checks_made", "code"),
    [((True,), 0), ((True, False), 1), ((), 1)],
)
def test_verify_succeeds_only_where_there_is_something_and_all_of_it_checks(
    created: Shell, checks_made: tuple[bool, ...], code: int
) -> None:
    created.universe.checks = tuple(Check("feed", ok=ok, detail="") for ok in checks_made)
    assert created.type("verify").exit_code == code
    answer = created.type("verify", "--json")
    assert answer.exit_code == code
    told = json.loads(answer.output)
    assert (told["ok"], told["exitCode"]) == (code == 0, code)
    assert told["verdict"] == ("Everything checks." if code == 0 else "Not everything checks.")
    assert [one["ok"] for one in told["checks"]] == list(checks_made)


def test_verify_takes_what_it_cannot_tell_neither_for_right_nor_for_wrong(created: Shell) -> None:
    checks = (
        Check("feed", ok=True, detail="all"),
        Check("cross", ok=True, detail="2 of 3", undecided=("Entry 7 is missing.",)),
    )
    created.universe.checks = checks
    answer = created.type("verify")
    assert answer.exit_code == 2
    assert answer.output.splitlines() == [
        "ok  feed             all",
        "??  cross            Entry 7 is missing.",
        "Nothing is wrong, and not everything could be told.",
    ]
    told = json.loads(created.type("verify", "--json").output)
    assert (told["ok"], told["exitCode"]) == (False, 2)
    assert [one["ok"] for one in told["checks"]] == [True, False]
    created.universe.checks = (*checks, Check("keys", ok=False, detail="1 fault"))
    assert created.type("verify").exit_code == 1


def test_verify_says_on_stderr_alone_that_it_cannot_use_what_was_typed(
    created: Shell, tmp_path: Path
) -> None:
    (tmp_path / "receipts").write_text("HTTP/2 200\n")
    for words in (
        ("--receipts", str(tmp_path / "receipts")),
        ("--key", "k"),
        ("--report",),
        ("--export", str(tmp_path / "out"), "--report"),
    ):
        done = created.type("verify", "--json", *words)
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr


def test_coverage_counts_answered_and_described_methods(shell: Shell) -> None:
    answer = json.loads(shell.type("coverage", "--json", data=False).output)
    assert {"service": "storage", "answered": 40, "described": 80} in answer["services"]
    assert "pubsub" not in shell.type("coverage", data=False).output
