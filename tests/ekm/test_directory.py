"""The data directory: made once, private, sealed, strict about its settings."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rempart.core.signing.keys import Signatory, public
from rempart.ekm.keys.material import SoftwareVault
from rempart.ekm.keys.store import FILE_NAME, Store
from rempart.ekm.settings import SettingsProblem, load
from rempart.standalone import sealing
from support.key_holder import KEY, PASSPHRASE, Issuer, KeyHolder, b64, running, use


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> KeyHolder:
    """A key holder that does not run."""
    return KeyHolder.create(tmp_path_factory.mktemp("ekm") / "data")


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_only_its_owner_reads_it(made: KeyHolder) -> None:
    assert stat.S_IMODE(made.data.stat().st_mode) == 0o700
    for path in made.data.rglob("*"):
        if path.is_file() and path.name != "certificate.pem":
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_it_is_made_once(made: KeyHolder) -> None:
    assert "already" in made.run("init", fails=True)


def test_it_is_not_made_among_other_files(tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("mine")
    tmp_path.chmod(0o755)
    said = KeyHolder(tmp_path, Issuer()).run(
        "init", "--host", "localhost", "--key-file", str(tmp_path / "key"), fails=True
    )
    assert "not empty" in said
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert [path.name for path in tmp_path.iterdir()] == ["diary.txt"]


def test_commands_say_what_is_missing(tmp_path: Path) -> None:
    nothing = KeyHolder(tmp_path / "nothing", Issuer())
    for words in (("up",), ("keys", "list"), ("trust", "list"), ("certificate",)):
        assert "There is no key holder" in nothing.run(*words, fails=True)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("format = 1", "format = 2", "newer"),
        ("format = 1", 'format = "1"', "whole number"),
        ('host = "localhost"', 'hosts = "localhost"', "unknown key 'hosts'"),
        ('host = "localhost"', "", "'host' is missing"),
        ('host = "localhost"', 'host = "Local Host"', "host is"),
        ('status = "127.0.0.1:0"', 'status = "0.0.0.0:0"', "for this machine only"),
        ('listen = "127.0.0.1:0"', 'listen = "127.0.0.1"', "HOST:PORT"),
        ("audiences = []", 'audiences = "https://x"', "list of texts"),
        ("audiences = []", 'audiences = ["http://x"]', "is not https"),
        ('key_file = ""', 'key_file = "key"', "one of them"),
        ("# The key file", "[table]\n# The key file", "unknown key 'table'"),
    ],
)
def test_a_wrong_setting_refuses_the_start(
    made: KeyHolder, tmp_path: Path, old: str, new: str, said: str
) -> None:
    copy = tmp_path / "ekm.toml"
    copy.write_text((made.data / "ekm.toml").read_text())
    _replace(copy, old, new)
    with pytest.raises(SettingsProblem, match=said):
        load(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("module = ", "modul = ", "no others"),
        ("module = ", 'slot = "0"\nmodule = ', "no others"),
        ("token = ", "# token = ", "no others"),
        ('token = "keys"', "token = 1", "text in quotes"),
        ('token = "keys"', 'token = ""', "1 to 32 bytes"),
        ('token = "keys"', f'token = "{"é" * 17}"', "1 to 32 bytes"),
        ("/module.so", "/absent.so", "module of .hsm. is .*: give the absolute path"),
        ("pin_file = ", 'pin_file = "pin" #', "pin_file of .hsm. is 'pin': give the absolute path"),
        ("/pin", "/open", "chmod 600"),
        ("[hsm]", "[[hsm]]", "no others"),
    ],
)
def test_a_wrong_setting_of_the_token_refuses_the_start(
    made: KeyHolder, tmp_path: Path, old: str, new: str, said: str
) -> None:
    for name, mode in (("module.so", 0o644), ("pin", 0o600), ("open", 0o640)):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    where = f'module = "{tmp_path}/module.so"\ntoken = "keys"\npin_file = "{tmp_path}/pin"\n'
    plain, table = (made.data / "ekm.toml").read_text(), f"\n[hsm]\n{where}"
    settings = tmp_path / "ekm.toml"
    settings.write_text(plain + table)
    assert load(tmp_path).hsm is not None
    assert old in table
    settings.write_text(plain + table.replace(old, new))
    with pytest.raises(SettingsProblem, match=said):
        load(tmp_path)


def _open(path: Path, passphrase: str = PASSPHRASE) -> Store:
    vault = SoftwareVault(path.parent / "material", os.urandom)
    return Store.open(
        path, lambda salt: sealing.from_passphrase(passphrase, salt), vault, os.urandom
    )


def test_another_passphrase_opens_nothing(made: KeyHolder) -> None:
    path = made.data / FILE_NAME
    assert KEY in _open(path).holdings.keys
    with pytest.raises(sealing.SealingProblem, match="another passphrase"):
        _open(path, PASSPHRASE + " ")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_no_bit_of_the_sealed_file_can_change_unseen(
    made: KeyHolder, tmp_path_factory: pytest.TempPathFactory, where: float, bit: int
) -> None:
    copy = tmp_path_factory.mktemp("copy") / FILE_NAME
    raw = bytearray((made.data / FILE_NAME).read_bytes())
    raw[int(where * len(raw))] ^= 1 << bit
    copy.write_bytes(raw)
    (copy.parent / "material").mkdir()
    with pytest.raises(sealing.SealingProblem):
        _open(copy)


def test_nothing_that_is_held_is_in_the_clear(made: KeyHolder) -> None:
    sealed = (made.data / FILE_NAME).read_bytes()
    for key in _open(made.data / FILE_NAME).holdings.keys.values():
        assert key.wrapping not in sealed
        assert repr(key.wrapping) not in repr(key)
    assert b"cryptospaces" not in sealed


def test_material_of_one_key_does_not_stand_in_for_anothers(tmp_path: Path) -> None:
    with running(tmp_path / "data") as holder:
        holder.run("keys", "create", "v0/cryptospaces/blue/keys/second")
        listed = json.loads(holder.run("keys", "list", "--json"))["keys"]
        ids = {key["key"]: key["id"] for key in listed}
        holder.stop()
        material = holder.data / "material"
        (material / ids[KEY]).write_bytes(
            (material / ids["v0/cryptospaces/blue/keys/second"]).read_bytes()
        )
        holder.start()
        assert holder.ask("wrap", use(plaintext=b64(b"secret"))).status_code == 500


def test_an_older_sealed_file_is_noticed(tmp_path: Path) -> None:
    with running(tmp_path / "data") as holder:
        path = holder.data / FILE_NAME
        older = path.read_bytes()
        assert holder.ask("destroyKey").status_code == 200
        holder.stop()
        path.write_bytes(older)
        assert "older than" in holder.run("up", fails=True)


def test_a_key_file_takes_the_place_of_a_passphrase(tmp_path: Path) -> None:
    holder = KeyHolder(tmp_path / "data", Issuer())
    key_file = tmp_path / "sealing.key"
    holder.run("init", "--host", "localhost", "--key-file", str(key_file))
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    holder.run("keys", "create", KEY)
    assert KEY in holder.run("keys", "list")
    key_file.chmod(0o644)
    assert "open to others" in holder.run("keys", "list", fails=True)
    key_file.chmod(0o600)
    key_file.write_bytes(bytes(32))
    assert "does not open" in holder.run("keys", "list", fails=True)
    key_file.unlink()
    assert "cannot be read" in holder.run("keys", "list", fails=True)


def test_a_passphrase_comes_from_a_private_file_or_a_descriptor(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(PASSPHRASE + "\n")
    secret.chmod(0o644)
    with pytest.raises(sealing.SealingProblem, match="open to others"):
        sealing.read_passphrase(str(secret))
    secret.chmod(0o600)
    assert sealing.read_passphrase(str(secret)) == PASSPHRASE
    reading, writing = os.pipe()
    os.write(writing, PASSPHRASE.encode())
    os.close(writing)
    assert sealing.read_passphrase(f"fd:{reading}") == PASSPHRASE
    secret.write_text("short")
    with pytest.raises(sealing.SealingProblem, match="at least"):
        sealing.read_passphrase(str(secret))


def test_the_secret_is_changed_and_the_old_one_opens_nothing_more(tmp_path: Path) -> None:
    holder = KeyHolder.create(tmp_path / "data")
    new = tmp_path / "new"
    new.touch(mode=0o600)
    new.write_text("another battery staple\n")
    holder.start()
    wrapped = holder.ask("wrap", use(plaintext=b64(b"secret"))).json()["wrappedBlob"]
    assert "stop it" in holder.run("passphrase", "--passphrase-file", str(new), fails=True)
    holder.stop()
    before = (holder.data / "keys.sealed").read_bytes()
    assert "new secret" in holder.run("passphrase", "--passphrase-file", str(new))
    holder.start()
    opened = holder.ask("unwrap", use(wrappedBlob=wrapped))
    holder.stop()
    assert opened.json()["plaintext"] == b64(b"secret")
    (holder.data / "keys.sealed").write_bytes(before)
    assert "does not open" in holder.run("keys", "list", fails=True)


def test_a_passphrase_gives_way_to_a_key_file(tmp_path: Path) -> None:
    holder = KeyHolder.create(tmp_path / "data")
    holder.run("passphrase", "--key-file", str(tmp_path / "key"))
    assert load(holder.data).key_file == str(tmp_path / "key")
    assert load(holder.data).passphrase_file == ""
    assert "[hsm]" in (holder.data / "ekm.toml").read_text()
    holder.start()
    assert holder.ask("wrap", use(plaintext=b64(b"secret"))).status_code == 200
    holder.stop()
    assert "exists already" in holder.run(
        "passphrase", "--key-file", str(tmp_path / "key"), fails=True
    )


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    holder = KeyHolder.create(tmp_path / "data")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        at = f"127.0.0.1:{taken.getsockname()[1]}"
        _replace(holder.data / "ekm.toml", 'listen = "127.0.0.1:0"', f'listen = "{at}"')
        assert f"listen is {at}, which cannot be had" in holder.run("up", fails=True)


def test_without_a_terminal_nothing_waits_for_a_passphrase(tmp_path: Path) -> None:
    holder = KeyHolder(tmp_path / "data", Issuer())
    assert "no terminal" in holder.run("init", "--host", "localhost", fails=True)


def test_the_certificate_is_renewed_only_when_asked_for(made: KeyHolder) -> None:
    before = made.run("certificate")
    assert made.run("certificate") == before
    made.run("certificate", "--renew")
    after = json.loads(made.run("certificate", "--json"))
    assert after["pem"] != before
    assert len(after["sha256"]) == 64


def test_the_program_loads_nothing_of_the_cloud() -> None:
    listed = subprocess.run(
        [sys.executable, "-c", _LISTING], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "rempart.ekm.run" in listed
    cloud = ("rempart.app", "rempart.edge", "rempart.engine", "rempart.runner", "rempart.services")
    assert not [name for name in listed if name.startswith((*cloud, "apsw", "envoy", "grpc"))]


_LISTING = """
import contextlib, sys
sys.argv = ["rempart", "ekm", "up", "--data", "/nonexistent"]
from rempart.__main__ import main
with contextlib.suppress(SystemExit):
    main()
print(*sys.modules)
"""


def test_nothing_is_made_for_officers_who_could_not_decide(tmp_path: Path) -> None:
    holder = KeyHolder(tmp_path / "data", Issuer())
    key = Ed25519PrivateKey.from_private_bytes(b"1" * 32)
    odile = tmp_path / "odile.pub"
    odile.write_bytes(msgspec.json.encode(Signatory("odile", public(key))))
    stranger = tmp_path / "diary.txt"
    stranger.write_text("mine")
    words = ("init", "--host", "localhost", "--key-file", str(tmp_path / "key"))
    for people, why in (
        (("--officer", str(odile), "--quorum", "2"), "2 of 1 officers"),
        (("--officer", str(odile), "--officer", str(odile), "--quorum", "2"), "one name"),
        (("--officer", str(odile), "--officer", str(odile)), "--quorum"),
        (("--officer", str(stranger)), "not an officer's key file"),
        (("--quorum", "2"), "--officer"),
    ):
        assert why in holder.run(*words, *people, fails=True)
        assert not holder.data.exists()
