"""Whoever takes the disk of a sealed universe finds neither its root nor a key made of it."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from rempart.trust.custody.keyring import Keyring
from rempart.trust.custody.sealing import document, shares
from sealing.stand import Stand, root_in
from support.universe import contents, created

PAGE = (Path(__file__).parents[2] / "docs/spec/keys.md").read_text()
PURPOSES = re.findall(r"[a-z-]+", re.findall(r"purposes: (.*)", PAGE)[0])


def test_no_key_of_the_universe_is_on_the_disk(stand: Stand) -> None:
    _work(stand)
    while_open = contents(stand.data)
    stand.universe.terminate()
    closed = contents(stand.data)
    stand.universe.start()
    for moment in (while_open, closed, contents(stand.data)):
        found = {
            (what, name)
            for what, forms in _secrets(stand).items()
            for name, content in moment.items()
            if any(form in content for form in forms)
        }
        assert found == set()


def test_the_search_would_find_them(stand: Stand, tmp_path: Path) -> None:
    for forms in _secrets(stand).values():
        (tmp_path / "planted").write_bytes(b"something " + forms[0] + b" else")
        assert forms[0] in contents(tmp_path)["planted"]


def test_a_process_that_holds_keys_leaves_no_core_dump() -> None:
    script = (
        "import ctypes, json, resource; from rempart import memory; memory.keep_out_of_dumps();"
        "print(json.dumps([*resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3)]))"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert json.loads(said.stdout) == [0, 0, 0]


def test_the_running_universe_leaves_no_core_dump(stand: Stand) -> None:
    assert stand.universe.process is not None
    limits = Path(f"/proc/{stand.universe.process.pid}/limits").read_text()
    [core] = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core.split()[4:6] == ["0", "0"]


def _work(stand: Stand) -> None:
    """Use the universe, so that its keys have been used."""
    stand.open()
    universe = stand.universe
    with universe.caller(universe.token()) as caller:
        bucket = created(caller, universe, "bucket-of-the-sealed")
        caller.post(
            f"/upload/storage/v1/b/{bucket}/o",
            params={"uploadType": "media", "name": "object"},
            content=b"x" * 3_000_000,
        ).raise_for_status()
        place = f"/cloudkms/v1/projects/{universe.project}/locations/{universe.location}"
        caller.post(f"{place}/keyRings?keyRingId=r", json={}).raise_for_status()
        keys = f"{place}/keyRings/r/cryptoKeys?cryptoKeyId=k"
        caller.post(keys, json={"purpose": "ENCRYPT_DECRYPT"}).raise_for_status()


def _secrets(stand: Stand) -> dict[str, list[bytes]]:
    root = root_in(stand.data, stand.words)
    read = [shares.read(words) for words in stand.words]
    keyring = Keyring(root)
    keys = {purpose: keyring.key(purpose) for purpose in PURPOSES}
    assert {"engine", "record", "id-token"} <= keys.keys()
    keys |= {"root": root, "kek": shares.combine(read[:2])}
    keys |= {f"share {share.index}": share.value for share in read}
    sealed = document.parse((stand.data / "root.sealed").read_bytes())
    assert document.unseal(sealed, keys["kek"]) == root
    forms = {what: list(_forms(key)) for what, key in keys.items()}
    words = {f"words {number}": [words.encode()] for number, words in enumerate(stand.words)}
    return forms | words


def _forms(key: bytes) -> Iterator[bytes]:
    yield key
    yield key.hex().encode()
    yield key.hex().upper().encode()
    yield base64.b64encode(key)[:-2]
    yield base64.urlsafe_b64encode(key)[:-2]
