"""A root that a key elsewhere opens: in a token, or with a key holder who may say no."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rempart.config import FILE_NAME
from sealing.stand import Stand, command, root_in, words_in
from support.key_holder import KEY, KeyHolder
from support.softhsm import SoftHSM, softhsm
from support.two_parties import TwoParties, enrol
from support.universe import contents, free_ports

__all__ = ["softhsm"]

ISSUER = "https://accounts.seal.apis.rempart.test"
AGENTS = "gcp-sa-ekms.rempart-system.iam.gserviceaccount.com"
REFUSAL = "denied permission"
SECONDS_MAX = 40
POLICY = f"""
version = 1

[[rule]]
name = "a universe's start"
issuers = ["{ISSUER}"]
projects = ["1"]
keys = ["{KEY}"]
verbs = ["wrap", "unwrap"]
reasons = ["GOOGLE_INITIATED_SYSTEM_OPERATION"]
requires_approval = false
condition = 'operation == "rempart.universes.unseal"'
"""


def status(stand: Stand) -> dict[str, object]:
    facts: dict[str, object] = json.loads(command("status", "--data", stand.data, "--json").stdout)
    return facts


def until_answer(stand: Stand, text: str) -> None:
    deadline = time.monotonic() + SECONDS_MAX
    while text not in str(status(stand).get("answer")):
        assert time.monotonic() < deadline, status(stand)
        time.sleep(0.2)


@pytest.fixture
def held(tmp_path: Path) -> Iterator[TwoParties]:
    """A universe that a key holder's key opens, by the key holder's policy; it does not run yet."""
    stand = Stand.create(tmp_path)
    [port] = free_ports(1)
    holder = KeyHolder.create(tmp_path / "ekm", "--listen", f"127.0.0.1:{port}")
    both = TwoParties(stand.universe, holder, tmp_path)
    identity = tmp_path / "seal.jwks"
    identity.write_text(command("seal-identity", "--data", stand.data).stdout)
    holder.run("trust", "add", ISSUER, "--mail-domain", AGENTS, "--keys-file", str(identity))
    with (stand.data / FILE_NAME).open("a") as settings:
        settings.write(f'"localhost:{port}" = "127.0.0.1:{port}"\n')
    try:
        enrol(both)
        (tmp_path / "policy.toml").write_text(POLICY)
        both.officer("propose", "policy", str(tmp_path / "policy.toml"))
        done = command(
            "rekey", "--data", stand.data, "--to", f"https://localhost:{port}/{KEY}",
            "--certificate", both.certificate, lines=tuple(stand.words),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        yield both
    finally:
        stand.universe.terminate()
        holder.stop()


def universe_of(held: TwoParties) -> Stand:
    return Stand(held.universe.data, held.universe, words_in(held.folder / "shares"))


def test_a_key_holder_opens_the_universe_until_officers_block_the_key(held: TwoParties) -> None:
    stand = universe_of(held)
    stand.universe.start()
    stand.wait()
    assert command("status", "--data", stand.data).returncode == 0
    assert "https://localhost" in stand.universe.log()

    blocked = json.loads(held.officer("block", KEY))
    stand.universe.restart(kill=True)
    until_answer(stand, REFUSAL)
    assert stand.health().json() == {"status": "SEALED"}
    assert command("status", "--data", stand.data).returncode == 3
    assert REFUSAL in command("doctor", "--data", stand.data).stdout
    assert "not shares" in stand.unseal(stand.words[0]).stderr

    held.officer("unblock", str(blocked["digest"]))
    stand.wait()


def test_a_universe_waits_for_a_key_holder_who_is_away(held: TwoParties) -> None:
    stand = universe_of(held)
    held.holder.stop()
    stand.universe.start()
    until_answer(stand, "cannot be reached")
    assert stand.health().status_code == 503
    away = command("verify", "--data", stand.data)
    assert away.returncode == 75  # it runs, sealed
    held.holder.start(program="support.officers_program")
    stand.wait()


def test_verify_and_the_way_back_to_custodians_need_the_key_holder(held: TwoParties) -> None:
    stand, new = universe_of(held), held.folder / "new"
    verified = command("verify", "--data", stand.data)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    back = ("rekey", "--data", stand.data, "--to", "custodians:2/2", "--shares-to", new)
    blocked = json.loads(held.officer("block", KEY))
    assert REFUSAL in command("verify", "--data", stand.data).stderr
    refused = command(*back)
    assert refused.returncode == 1
    assert REFUSAL in refused.stderr
    assert not new.exists()
    held.officer("unblock", str(blocked["digest"]))
    done = command(*back)
    assert done.returncode == 0, done.stderr
    held.holder.stop()
    assert len(root_in(stand.data, words_in(new))) == 32


def test_without_an_identity_or_a_table_nobody_is_asked(stand: Stand) -> None:
    key = f"https://localhost:1/{KEY}"
    asked = ("rekey", "--data", stand.data, "--to", key)
    assert "rempart seal-identity" in command(*asked, lines=tuple(stand.words)).stderr
    command("seal-identity", "--data", stand.data)
    assert "key_managers in rempart.toml" in command(*asked, lines=tuple(stand.words)).stderr
    hsm = command("rekey", "--data", stand.data, "--to", "hsm", lines=tuple(stand.words))
    assert "add the table [hsm]" in hsm.stderr
    stand.open()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("hsm", "--shares-to", "s"), "go with custodians"),
        (("https://localhost:1/k", "--shares-to", "s"), "go with custodians"),
        (("custodians:2/3", "--shares-to", "s", "--certificate", __file__), "a key holder's key"),
        (("https://localhost:1/k", "--certificate", __file__), "no certificate in PEM"),
        (("http://localhost/k",), "no way to keep a root"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    elsewhere: Path, words: tuple[str, ...], told: str
) -> None:
    refused = command("rekey", "--data", elsewhere, "--to", *words)
    assert refused.returncode == 1
    assert told in refused.stderr


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Stand.create(tmp_path_factory.mktemp("elsewhere")).data


@pytest.mark.parametrize("mechanism", ["hsm", "external", "sorcery"])
def test_a_damaged_way_to_a_key_is_told(elsewhere: Path, tmp_path: Path, mechanism: str) -> None:
    data = tmp_path / "data"
    shutil.copytree(elsewhere, data)
    whole = json.loads((data / "root.sealed").read_text())
    held = {"type": "key", "mechanism": mechanism, "reference": "AAAA", "wrapped_kek": "AAAA"}
    (data / "root.sealed").write_text(json.dumps(whole | {"opened_by": held}))
    refused = command("verify", "--data", data)
    assert refused.returncode == 1
    assert "Nothing was verified" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.fixture
def token(tmp_path: Path, softhsm: SoftHSM) -> Iterator[Stand]:
    """A universe with a token, which custodians open as yet."""
    stand = Stand.create(tmp_path)
    stand.universe.inside = ("env", *(f"{k}={v}" for k, v in softhsm.environment.items()))
    with (stand.data / FILE_NAME).open("a") as file:
        file.write(softhsm.toml())
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


def test_without_its_token_the_universe_stays_sealed(token: Stand, softhsm: SoftHSM) -> None:
    to_token(token)
    with softhsm.away():
        token.universe.start()
        until_answer(token, "token")
        assert token.health().status_code == 503
    token.wait()


def test_a_token_forgets_what_opened_an_old_file(
    token: Stand, softhsm: SoftHSM, tmp_path: Path
) -> None:
    to_token(token)
    assert softhsm.objects == 1
    old = (token.data / "root.sealed").read_bytes()
    done = command("rekey", "--data", token.data, "--to", "custodians:2/2",
                   "--shares-to", tmp_path / "new")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert softhsm.objects == 0
    (token.data / "root.sealed").write_bytes(old)
    refused = command("verify", "--data", token.data)
    assert refused.returncode == 1
    assert "Nothing was verified" in refused.stderr
