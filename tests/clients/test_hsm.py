"""A universe whose keys live in a SoftHSM2: asked by gcloud, killed, and looked after."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from support.softhsm import SoftHSM
from support.universe import REMPART, Universe, program


@dataclass
class Vault:
    """A universe and its token."""

    universe: Universe
    softhsm: SoftHSM

    def ask(self, path: str, document: dict[str, Any] | None = None) -> dict[str, Any]:
        with self.universe.caller(self.universe.token()) as caller:
            where = f"/cloudkms/v1/{path}"
            answer = caller.get(where) if document is None else caller.post(where, json=document)
        answer.raise_for_status()
        content: dict[str, Any] = answer.json()
        return content

    def ring(self, id_: str) -> str:
        place = f"projects/{self.universe.project}/locations/{self.universe.location}"
        self.ask(f"{place}/keyRings?keyRingId={id_}", {})
        return f"{place}/keyRings/{id_}"

    def left_over(self, *remove: str) -> list[dict[str, Any]]:
        words = [f"--remove={one}" for one in remove]
        done = self.universe.run(
            REMPART, "hsm", "--data", str(self.universe.data), "--json", *words
        )
        found: list[dict[str, Any]] = json.loads(done.stdout)["leftOver"]
        return found


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    folder = tmp_path_factory.mktemp("vault")
    softhsm = SoftHSM.create(folder / "hsm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(softhsm.configuration))
        universe = Universe.create(folder / "data")
        universe.terminate()
        with (universe.data / "rempart.toml").open("a") as settings:
            settings.write(softhsm.toml())
        universe.start()
        yield Vault(universe, softhsm)
        universe.terminate()


def test_gcloud_encrypts_and_signs_in_the_token(vault: Vault, tmp_path: Path) -> None:
    universe, gcloud = vault.universe, program("gcloud")
    ring = [f"--location={universe.location}", "--keyring=r"]

    def kms(*words: str) -> str:
        return universe.run(gcloud, "kms", *words, cwd=tmp_path).stdout

    kms("keyrings", "create", "r", ring[0])
    kms("keys", "create", "e", *ring, "--purpose=encryption", "--protection-level=hsm")
    (tmp_path / "plain").write_bytes(b"attack at dawn")
    kms("encrypt", *ring, "--key=e", "--plaintext-file=plain", "--ciphertext-file=sealed")
    kms("decrypt", *ring, "--key=e", "--plaintext-file=opened", "--ciphertext-file=sealed")
    assert (tmp_path / "opened").read_bytes() == b"attack at dawn"
    described = json.loads(kms("keys", "describe", "e", *ring, "--format=json"))
    assert described["primary"]["protectionLevel"] == "HSM"

    kms("keys", "create", "s", *ring, "--purpose=asymmetric-signing",
        "--default-algorithm=ec-sign-p256-sha256", "--protection-level=hsm")  # fmt: skip
    kms("asymmetric-sign", *ring, "--key=s", "--version=1", "--digest-algorithm=sha256",
        "--input-file=plain", "--signature-file=signature")  # fmt: skip
    kms("keys", "versions", "get-public-key", "1", *ring, "--key=s", "--output-file=public.pem")
    public = serialization.load_pem_public_key((tmp_path / "public.pem").read_bytes())
    assert isinstance(public, ec.EllipticCurvePublicKey)
    signature = (tmp_path / "signature").read_bytes()
    public.verify(signature, b"attack at dawn", ec.ECDSA(hashes.SHA256()))
    assert vault.softhsm.objects == 2


def test_a_kill_while_keys_are_made_leaves_at_most_what_can_be_listed_and_removed(
    vault: Vault,
) -> None:
    universe, ring = vault.universe, vault.ring("killed")
    template = {"algorithm": "HMAC_SHA256", "protectionLevel": "HSM"}
    document = {"purpose": "MAC", "versionTemplate": template}
    many = threading.Event()
    token, url = universe.token(), universe.plain_url

    def make(thread: int) -> None:
        for number in range(1000):
            if number * 4 >= 12:
                many.set()
            try:
                httpx.post(
                    f"{url}/cloudkms/v1/{ring}/cryptoKeys?cryptoKeyId=k{thread}-{number}",
                    json=document, headers={"authorization": f"Bearer {token}"}, trust_env=False,
                )  # fmt: skip
            except httpx.HTTPError:
                return

    threads = [threading.Thread(target=make, args=(number,)) for number in range(4)]
    for one in threads:
        one.start()
    many.wait(60)
    universe.kill()
    for one in threads:
        one.join()
    left = vault.left_over()
    assert all(f"{ring}/cryptoKeys/k" in one["label"] for one in left)
    objects = vault.softhsm.objects
    removed = vault.left_over(*(one["id"] for one in left))
    assert [one["removed"] for one in removed] == [True] * len(left)
    assert vault.left_over() == []
    assert vault.softhsm.objects == objects - len(left)
    universe.start()
    keys = vault.ask(f"{ring}/cryptoKeys?pageSize=1000")["cryptoKeys"]
    assert len(keys) >= 3
    for key in keys:
        data = {"data": base64.b64encode(b"x").decode()}
        assert vault.ask(f"{key['name']}/cryptoKeyVersions/1:macSign", data)["mac"]


def test_a_universe_that_starts_without_its_token_says_so(vault: Vault) -> None:
    away = vault.softhsm.tokens.rename(vault.softhsm.folder / "away")
    vault.softhsm.tokens.mkdir()
    try:
        vault.universe.terminate()
        vault.universe.start()
        until = time.monotonic() + 10
        while "No token is labelled" not in vault.universe.log():
            assert time.monotonic() < until, vault.universe.log()
            time.sleep(0.05)
    finally:
        vault.softhsm.tokens.rmdir()
        away.rename(vault.softhsm.tokens)
