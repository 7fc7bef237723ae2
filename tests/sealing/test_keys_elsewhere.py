"""A root that a key elsewhere opens: in a token, or with a key holder who may say no."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rempart.config import FILE_NAME
from sealing.key_holder_program import REFUSAL
from sealing.stand import Stand, command, root_in
from support.key_holder import KEY, KeyHolder
from support.universe import contents, free_ports

PROGRAM = "sealing.key_holder_program"
ISSUER = "https://accounts.seal.apis.rempart.test"
AGENTS = "gcp-sa-ekms.rempart-system.iam.gserviceaccount.com"
SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")
SECONDS_MAX = 40


def status(stand: Stand) -> dict[str, object]:
    facts: dict[str, object] = json.loads(command("status", "--data", stand.data, "--json").stdout)
    return facts


def until_answer(stand: Stand, text: str) -> None:
    deadline = time.monotonic() + SECONDS_MAX
    while text not in str(status(stand).get("answer")):
        assert time.monotonic() < deadline, status(stand)
        time.sleep(0.2)


@pytest.fixture
def held(tmp_path: Path) -> Iterator[tuple[Stand, KeyHolder]]:
    """A universe whose root a key holder's key opens; the universe does not run yet."""
    stand = Stand.create(tmp_path)
    [port] = free_ports(1)
    holder = KeyHolder.create(tmp_path / "ekm", "--listen", f"127.0.0.1:{port}")
    identity = command("seal-identity", "--data", stand.data)
    (tmp_path / "seal.jwks").write_text(identity.stdout)
    holder.run("trust", "add", ISSUER, "--mail-domain", AGENTS,
               "--keys-file", str(tmp_path / "seal.jwks"))  # fmt: skip
    with (stand.data / FILE_NAME).open("a") as settings:
        settings.write(f'"localhost:{port}" = "127.0.0.1:{port}"\n')
    holder.start(program=PROGRAM)
    try:
        done = command(
            "rekey", "--data", stand.data, "--to", f"https://localhost:{port}/{KEY}",
            "--certificate", holder.data / "tls/certificate.pem", lines=tuple(stand.words),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        yield stand, holder
    finally:
        stand.universe.terminate()
        holder.stop()


def test_a_key_holder_opens_the_universe_while_they_agree(
    held: tuple[Stand, KeyHolder],
) -> None:
    stand, holder = held
    stand.universe.start()
    stand.wait()
    assert command("status", "--data", stand.data).returncode == 0
    assert "https://localhost" in stand.universe.log()

    (holder.data.parent / "no").touch()
    stand.universe.restart(kill=True)
    until_answer(stand, REFUSAL)
    assert stand.health().json() == {"status": "SEALED"}
    assert command("status", "--data", stand.data).returncode == 3
    assert REFUSAL in command("doctor", "--data", stand.data).stdout
    assert "not shares" in stand.unseal(stand.words[0]).stderr

    (holder.data.parent / "no").unlink()
    stand.wait()


def test_a_universe_waits_for_a_key_holder_who_is_away(held: tuple[Stand, KeyHolder]) -> None:
    stand, holder = held
    holder.stop()
    stand.universe.start()
    until_answer(stand, "cannot be reached")
    assert stand.health().status_code == 503
    away = command("verify", "--data", stand.data)
    assert away.returncode == 75  # it runs, sealed
    holder.start(program=PROGRAM)
    stand.wait()


def test_verify_and_the_way_back_to_custodians_need_the_key_holder(
    held: tuple[Stand, KeyHolder], tmp_path: Path
) -> None:
    stand, holder = held
    verified = command("verify", "--data", stand.data)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    (tmp_path / "no").touch()
    assert REFUSAL in command("verify", "--data", stand.data).stderr
    back = ("rekey", "--data", stand.data, "--to", "custodians:2/2", "--shares-to")
    refused = command(*back, tmp_path / "new-1")
    assert refused.returncode == 1
    assert REFUSAL in refused.stderr
    (tmp_path / "no").unlink()
    done = command(*back, tmp_path / "new")
    assert done.returncode == 0, done.stderr
    holder.stop()
    words = [path.read_text().strip() for path in sorted((tmp_path / "new").iterdir())]
    assert len(root_in(stand.data, words)) == 32


def test_without_an_identity_or_a_table_nobody_is_asked(stand: Stand) -> None:
    key = f"https://localhost:1/{KEY}"
    asked = ("rekey", "--data", stand.data, "--to", key)
    assert "rempart seal-identity" in command(*asked, lines=tuple(stand.words)).stderr
    command("seal-identity", "--data", stand.data)
    assert "key_managers in rempart.toml" in command(*asked, lines=tuple(stand.words)).stderr
    hsm = command("rekey", "--data", stand.data, "--to", "hsm", lines=tuple(stand.words))
    assert "add the table [hsm]" in hsm.stderr
    stand.open()


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    """A universe with a SoftHSM token, which custodians open as yet."""
    if not SOFTHSM.exists() or shutil.which("softhsm2-util") is None:
        pytest.skip("SoftHSM (Debian's softhsm2) is needed")
    (tmp_path / "tokens").mkdir()
    settings = tmp_path / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {tmp_path}/tokens\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(settings))
    made = ("--init-token", "--free", "--label", "universe", "--so-pin", "1234", "--pin", "1234")
    subprocess.run(["softhsm2-util", *made], check=True, capture_output=True)
    (tmp_path / "pin").write_text("1234")
    (tmp_path / "pin").chmod(0o600)
    stand = Stand.create(tmp_path)
    stand.universe.inside = ("env", f"SOFTHSM2_CONF={settings}")
    with (stand.data / FILE_NAME).open("a") as file:
        file.write(
            f'\n[hsm]\nmodule = "{SOFTHSM}"\ntoken = "universe"\npin_file = "{tmp_path}/pin"\n'
        )
    yield stand
    stand.universe.terminate()


def to_token(stand: Stand) -> None:
    done = command("rekey", "--data", stand.data, "--to", "hsm", lines=tuple(stand.words))
    assert done.returncode == 0, done.stderr


def test_a_token_opens_the_universe_by_itself(token: Stand) -> None:
    root = root_in(token.data, token.words)
    to_token(token)
    token.universe.start()
    token.wait()
    token.universe.terminate()
    assert command("verify", "--data", token.data).returncode == 0
    assert not [name for name, held in contents(token.data).items() if root in held]


def test_without_its_token_the_universe_stays_sealed(token: Stand, tmp_path: Path) -> None:
    to_token(token)
    tokens, away = tmp_path / "tokens", tmp_path / "away"
    tokens.rename(away)
    tokens.mkdir()
    token.universe.start()
    until_answer(token, "token")
    assert token.health().status_code == 503
    tokens.rmdir()
    away.rename(tokens)
    token.wait()


def test_a_token_forgets_what_opened_an_old_file(token: Stand, tmp_path: Path) -> None:
    to_token(token)
    old = (token.data / "root.sealed").read_bytes()
    done = command("rekey", "--data", token.data, "--to", "custodians:2/2",
                   "--shares-to", tmp_path / "new")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "still in the token" not in done.stderr
    (token.data / "root.sealed").write_bytes(old)
    refused = command("verify", "--data", token.data)
    assert refused.returncode == 1
    assert "Everything checks" not in refused.stdout
