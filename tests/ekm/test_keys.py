"""Keys: made by an officer or a cloud, used for what they are for, and destroyed for good."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, Hash, HashAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from msgspec.structs import replace

from rempart.ekm.keys.material import SoftwareVault
from rempart.ekm.keys.store import FILE_NAME, Store
from rempart.ekm.model.algorithms import SIGNING, SYMMETRIC
from rempart.ekm.model.holdings import HeldKey
from rempart.standalone import sealing
from rempart.trust.custody.errors import Tampered
from support.key_holder import KEY, PASSPHRASE, SIGNING_KEY, SPACE, KeyHolder, b64, running, use

DIGESTS: dict[str, HashAlgorithm] = {"sha256": SHA256(), "sha384": SHA384(), "sha512": SHA512()}


def _digest(name: str, data: bytes) -> bytes:
    hashing = Hash(DIGESTS[name])
    hashing.update(data)
    return hashing.finalize()


def _verify(pem: str, algorithm: str, signature: bytes, digest: bytes) -> None:
    public, hashed = load_pem_public_key(pem.encode()), DIGESTS[SIGNING[algorithm].digest]
    if isinstance(public, EllipticCurvePublicKey):
        public.verify(signature, digest, ECDSA(Prehashed(hashed)))
        return
    assert isinstance(public, RSAPublicKey)
    padding = PSS(MGF1(hashed), hashed.digest_size) if "PSS" in algorithm else PKCS1v15()
    public.verify(signature, digest, padding, Prehashed(hashed))


@pytest.mark.parametrize("algorithm", SIGNING)
def test_each_signing_key_signs_data_and_digests(holder: KeyHolder, algorithm: str) -> None:
    path = f"{SPACE}/keys/{algorithm.lower()}"
    created = holder.ask(
        "createKey", {"algorithm": algorithm, "keyName": algorithm.lower()}, path=SPACE
    )
    assert created.json() == {"keyPath": path}
    public = holder.ask("getPublicKey", path=path).json()
    assert public["algorithm"] == algorithm
    name = SIGNING[algorithm].digest
    digest = _digest(name, b"text")
    for body in ({"data": b64(b"text")}, {"digest": {name: b64(digest)}}):
        signature = holder.ask("asymmetricSign", body, path=path).json()["signature"]
        _verify(public["publicKey"]["pem"], algorithm, base64.b64decode(signature), digest)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "digest"),
        ({"data": "YQ==", "digest": {"sha256": b64(bytes(32))}}, "digest"),
        ({"digest": {}}, "digest.sha256"),
        ({"digest": {"sha384": b64(bytes(48))}}, "digest.sha256"),
        ({"digest": {"sha256": b64(bytes(32)), "sha512": b64(bytes(64))}}, "digest.sha256"),
        ({"digest": {"sha256": b64(bytes(31))}}, "digest"),
    ],
)
def test_a_wrong_digest_is_named(holder: KeyHolder, body: dict[str, object], field: str) -> None:
    answer = holder.ask("asymmetricSign", body, path=SIGNING_KEY)
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][1]["fieldViolations"][0]["field"] == field


def test_a_key_does_only_what_it_is_for(holder: KeyHolder) -> None:
    for verb, path in (
        ("wrap", SIGNING_KEY), ("unwrap", SIGNING_KEY), ("asymmetricSign", KEY),
        ("getPublicKey", KEY),
    ):  # fmt: skip
        answer = holder.ask(verb, use(), path=path)
        assert answer.status_code == 400
        assert answer.json()["error"]["status"] == "FAILED_PRECONDITION"


def test_what_is_absent_is_not_found(holder: KeyHolder) -> None:
    for verb, path, body in (
        ("wrap", f"{SPACE}/keys/absent", use()),
        ("destroyKey", f"{SPACE}/keys/absent", {}),
        ("createKey", "v0/cryptospaces/absent", {"algorithm": "EC_SIGN_P256_SHA256"}),
        ("checkCryptoSpacePermissions", "v0/cryptospaces/absent", {}),
    ):
        answer = holder.ask(verb, body, path=path)
        assert answer.status_code == 404, verb


def test_a_cloud_may_ask_whether_it_may(holder: KeyHolder) -> None:
    answer = holder.ask("checkCryptoSpacePermissions", path=SPACE)
    assert answer.json() == {"allowed": True}


def test_a_created_key_without_a_name_gets_one(holder: KeyHolder) -> None:
    body = {"algorithm": "EXTERNAL_SYMMETRIC_ENCRYPTION"}
    one, other = (holder.ask("createKey", body, path=SPACE).json()["keyPath"] for _ in range(2))
    assert one != other
    assert holder.ask("wrap", use(plaintext=""), path=one).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "algorithm"),
        ({"algorithm": "AES_128_GCM"}, "algorithm"),
        ({"algorithm": "PQ_SIGN_ML_DSA_65"}, "algorithm"),
        ({"algorithm": "EC_SIGN_P256_SHA256", "keyName": "a/b"}, "keyName"),
        ({"algorithm": "EC_SIGN_P256_SHA256", "keyName": ".."}, "keyName"),
    ],
)
def test_a_key_that_cannot_be_made_is_refused(
    holder: KeyHolder, body: dict[str, object], field: str
) -> None:
    answer = holder.ask("createKey", body, path=SPACE)
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][1]["fieldViolations"][0]["field"] == field


def test_a_name_is_given_once(holder: KeyHolder) -> None:
    body = {"algorithm": "EXTERNAL_SYMMETRIC_ENCRYPTION", "keyName": "once"}
    path = f"{SPACE}/keys/once"
    assert holder.ask("createKey", body, path=SPACE).status_code == 200
    assert holder.ask("createKey", body, path=SPACE).status_code == 409
    assert holder.ask("destroyKey", path=path).json() == {}
    assert holder.ask("createKey", body, path=SPACE).status_code == 409


def test_a_destroyed_key_is_gone_from_the_disk_and_for_every_use(tmp_path: Path) -> None:
    with running(tmp_path / "data") as holder:
        blob = holder.ask("wrap", use(plaintext=b64(b"secret"))).json()
        key_id = json.loads(holder.run("keys", "show", KEY, "--json"))["id"]
        material = (holder.data / "material" / key_id).read_bytes()
        assert holder.ask("destroyKey").json() == {}
        assert holder.ask("destroyKey").json() == {}
        for body in (use(**blob), use(plaintext="")):
            verb = "unwrap" if "wrappedBlob" in body else "wrap"
            assert holder.ask(verb, body).json()["error"]["status"] == "FAILED_PRECONDITION"
        assert not (holder.data / "material" / key_id).exists()
        assert not any(
            material in path.read_bytes() for path in holder.data.rglob("*") if path.is_file()
        )
        holder.stop()
        assert _held(holder, KEY).wrapping == b""
        # Whoever kept the material finds its wrapping key nowhere: the start sweeps it away.
        (holder.data / "material" / key_id).write_bytes(material)
        holder.start()
        assert not (holder.data / "material" / key_id).exists()
        assert holder.ask("unwrap", use(**blob)).status_code == 400
        shown = json.loads(holder.run("keys", "show", KEY, "--json"))
        assert shown["state"] == "DESTROYED"


def _held(holder: KeyHolder, path: str) -> HeldKey:
    """Return a key as the sealed file has it."""
    vault = SoftwareVault(holder.data / "material", os.urandom)
    return Store.open(
        holder.data / FILE_NAME,
        lambda salt: sealing.from_passphrase(PASSPHRASE, salt),
        vault,
        os.urandom,
    ).held(path)


async def test_material_opens_for_its_own_key_and_algorithm_only(tmp_path: Path) -> None:
    vault = SoftwareVault(tmp_path, os.urandom)
    key = await vault.create(HeldKey(id="00" * 8, algorithm=SYMMETRIC, created=0), KEY)
    vault.load(key)
    other = replace(key, id="11" * 8)
    (tmp_path / other.id).write_bytes((tmp_path / key.id).read_bytes())
    for wrong in (
        other,
        replace(key, algorithm="EC_SIGN_P256_SHA256"),
        replace(key, wrapping=bytes(31) + b"\x01"),
    ):
        with pytest.raises(Tampered):
            vault.load(wrong)


def test_a_change_is_recorded_before_it_is_made(holder: KeyHolder) -> None:
    body = {"algorithm": "EXTERNAL_SYMMETRIC_ENCRYPTION", "keyName": "recorded"}
    holder.ask("createKey", body, path=SPACE)
    intent, outcome = holder.entries()[-2:]
    assert (intent["stage"], intent["verb"]) == ("intent", "createKey")
    assert (outcome.get("stage"), outcome["status"]) == (None, 200)


def test_the_duration_for_which_a_key_may_be_kept_is_the_officers(holder: KeyHolder) -> None:
    path = f"{SPACE}/keys/cached"
    holder.run("keys", "create", path)
    holder.run("keys", "set", path, "--cache-seconds", "60")
    blob = holder.ask("wrap", use(plaintext=""), path=path).json()
    answer = holder.ask("unwrap", use(**blob), path=path)
    assert answer.json()["allowedCacheDuration"] == "60s"
    holder.run("keys", "set", path, "--cache-seconds", "86401", fails=True)


def test_keys_are_listed_and_shown(holder: KeyHolder) -> None:
    listed = json.loads(holder.run("keys", "list", "--json"))
    assert SPACE in listed["spaces"]
    assert {KEY, SIGNING_KEY} <= {key["key"] for key in listed["keys"]}
    shown = json.loads(holder.run("keys", "show", SIGNING_KEY, "--json"))
    assert shown["publicKey"].startswith("-----BEGIN PUBLIC KEY-----")
    assert KEY in holder.run("keys", "list")
    assert SPACE in holder.run("spaces", "list")
