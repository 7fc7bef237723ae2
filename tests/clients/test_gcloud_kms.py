"""`gcloud kms` as it comes, told nothing but what `rempart env` exports."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

from support.universe import Universe, program

Kms = Callable[..., str]


@pytest.fixture
def kms(universe: Universe, tmp_path: Path) -> Kms:
    """Return a function that runs `gcloud kms …` in an empty folder and returns what it prints."""
    gcloud = program("gcloud")

    def run(*words: str, code: int = 0) -> str:
        done = universe.run(gcloud, "kms", *words, code=code, cwd=tmp_path)
        return done.stdout if code == 0 else done.stderr

    return run


@pytest.fixture
def ring(kms: Kms, universe: Universe) -> list[str]:
    """Return the flags that name a fresh key ring."""
    name = f"r-{uuid.uuid4().hex[:12]}"
    kms("keyrings", "create", name, f"--location={universe.location}")
    return [f"--location={universe.location}", f"--keyring={name}"]


def read(kms: Kms, *words: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(kms(*words, "--format=json"))
    return content


def test_a_symmetric_key_is_made_used_rotated_and_shared(
    kms: Kms, ring: list[str], universe: Universe, tmp_path: Path
) -> None:
    key = [*ring, "--key=k"]
    kms("keys", "create", "k", *ring, "--purpose=encryption", "--labels=team=red",
        "--rotation-period=30d", "--next-rotation-time=2099-01-01T00:00:00Z")  # fmt: skip
    assert "ALREADY_EXISTS" in kms("keys", "create", "k", *ring, "--purpose=encryption", code=1)
    (tmp_path / "plain").write_bytes(b"attack at dawn")
    (tmp_path / "aad").write_bytes(b"for your eyes")
    with_aad = [*key, "--additional-authenticated-data-file=aad"]
    kms("encrypt", *with_aad, "--plaintext-file=plain", "--ciphertext-file=sealed")
    assert b"dawn" not in (tmp_path / "sealed").read_bytes()
    kms("decrypt", *with_aad, "--plaintext-file=opened", "--ciphertext-file=sealed")
    assert (tmp_path / "opened").read_bytes() == b"attack at dawn"
    refusal = kms("decrypt", *key, "--plaintext-file=no", "--ciphertext-file=sealed", code=1)
    assert "Decryption failed" in refusal

    kms("keys", "versions", "create", *key, "--primary")
    kms("keys", "set-primary-version", "k", *ring, "--version=1")
    kms("keys", "update", "k", *ring, "--update-labels=level=7", "--remove-rotation-schedule")
    described = read(kms, "keys", "describe", "k", *ring)
    assert described["labels"] == {"team": "red", "level": "7"}
    assert described["primary"]["name"].endswith("/cryptoKeyVersions/1")
    assert "rotationPeriod" not in described
    listed = read(kms, "keys", "versions", "list", *key)
    assert [one["name"].rpartition("/")[2] for one in listed] == ["1", "2"]  # type: ignore[index]  # a list of resources

    member = f"--member=serviceAccount:{universe.keys['stranger']['client_email']}"
    role = "--role=roles/cloudkms.cryptoKeyEncrypter"
    kms("keys", "add-iam-policy-binding", "k", *ring, member, role)
    policy = read(kms, "keys", "get-iam-policy", "k", *ring)
    assert policy["bindings"][0]["role"] == "roles/cloudkms.cryptoKeyEncrypter"
    kms("keys", "remove-iam-policy-binding", "k", *ring, member, role)
    assert "bindings" not in read(kms, "keys", "get-iam-policy", "k", *ring)


def test_a_version_is_disabled_enabled_destroyed_and_restored(kms: Kms, ring: list[str]) -> None:
    key = [*ring, "--key=k"]
    kms("keys", "create", "k", *ring, "--purpose=encryption")
    kms("keys", "versions", "disable", "1", *key)
    assert read(kms, "keys", "versions", "describe", "1", *key)["state"] == "DISABLED"
    kms("keys", "versions", "enable", "1", *key)
    kms("keys", "versions", "destroy", "1", *key)
    gone = read(kms, "keys", "versions", "describe", "1", *key)
    assert (gone["state"], "destroyTime" in gone) == ("DESTROY_SCHEDULED", True)
    kms("keys", "versions", "restore", "1", *key)
    assert read(kms, "keys", "versions", "describe", "1", *key)["state"] == "DISABLED"


def public_key(kms: Kms, tmp_path: Path, key: list[str]) -> Any:
    kms("keys", "versions", "get-public-key", "1", *key, "--output-file=public.pem")
    return serialization.load_pem_public_key((tmp_path / "public.pem").read_bytes())


def test_an_elliptic_curve_key_signs(kms: Kms, ring: list[str], tmp_path: Path) -> None:
    kms("keys", "create", "s", *ring, "--purpose=asymmetric-signing",
        "--default-algorithm=ec-sign-p256-sha256")  # fmt: skip
    (tmp_path / "letter").write_bytes(b"I agree")
    kms("asymmetric-sign", *ring, "--key=s", "--version=1", "--digest-algorithm=sha256",
        "--input-file=letter", "--signature-file=signature")  # fmt: skip
    public = public_key(kms, tmp_path, [*ring, "--key=s"])
    signature = (tmp_path / "signature").read_bytes()
    public.verify(signature, b"I agree", ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        public.verify(signature, b"I disagree", ec.ECDSA(hashes.SHA256()))


def test_an_rsa_key_decrypts(kms: Kms, ring: list[str], tmp_path: Path) -> None:
    kms("keys", "create", "d", *ring, "--purpose=asymmetric-encryption",
        "--default-algorithm=rsa-decrypt-oaep-2048-sha256")  # fmt: skip
    public = public_key(kms, tmp_path, [*ring, "--key=d"])
    mask = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    (tmp_path / "sealed").write_bytes(public.encrypt(b"secret", mask))
    kms("asymmetric-decrypt", *ring, "--key=d", "--version=1", "--ciphertext-file=sealed",
        "--plaintext-file=opened")  # fmt: skip
    assert (tmp_path / "opened").read_bytes() == b"secret"


def test_a_mac_key_signs_and_verifies(kms: Kms, ring: list[str], tmp_path: Path) -> None:
    kms("keys", "create", "m", *ring, "--purpose=mac", "--default-algorithm=hmac-sha256")
    (tmp_path / "data").write_bytes(b"as agreed")
    version = [*ring, "--key=m", "--version=1", "--input-file=data"]
    kms("mac-sign", *version, "--signature-file=tag")
    assert "True" in kms("mac-verify", *version, "--signature-file=tag")
    (tmp_path / "data").write_bytes(b"as changed")
    assert "True" not in kms("mac-verify", *version, "--signature-file=tag")


def test_a_raw_key_encrypts_in_a_standard_mode(kms: Kms, ring: list[str], tmp_path: Path) -> None:
    kms("keys", "create", "w", *ring, "--purpose=raw-encryption", "--default-algorithm=aes-256-cbc")
    (tmp_path / "plain").write_bytes(b"sixteen bytes or")
    (tmp_path / "iv").write_bytes(bytes(range(16)))
    version = [*ring, "--key=w", "--version=1", "--initialization-vector-file=iv"]
    kms("raw-encrypt", *version, "--plaintext-file=plain", "--ciphertext-file=sealed")
    kms("raw-decrypt", *version, "--ciphertext-file=sealed", "--plaintext-file=opened")
    assert (tmp_path / "opened").read_bytes() == b"sixteen bytes or"


def test_a_key_of_ones_own_is_imported(kms: Kms, ring: list[str], tmp_path: Path) -> None:
    kms("import-jobs", "create", "j", *ring, "--import-method=rsa-oaep-3072-sha256-aes-256",
        "--protection-level=software")  # fmt: skip
    job = read(kms, "import-jobs", "describe", "j", *ring)
    assert job["state"] == "ACTIVE"
    wrapping = serialization.load_pem_public_key(job["publicKey"]["pem"].encode())
    assert isinstance(wrapping, rsa.RSAPublicKey)
    mine, ephemeral = hashlib.sha256(b"mine").digest(), hashlib.sha256(b"once").digest()
    mask = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    wrapped = wrapping.encrypt(ephemeral, mask) + aes_key_wrap_with_padding(ephemeral, mine)
    (tmp_path / "wrapped").write_bytes(wrapped)
    kms("keys", "create", "i", *ring, "--purpose=raw-encryption",
        "--default-algorithm=aes-256-gcm", "--skip-initial-version-creation",
        "--import-only")  # fmt: skip
    imported = read(kms, "keys", "versions", "import", *ring, "--key=i", "--import-job=j",
                    "--algorithm=aes-256-gcm", "--wrapped-key-file=wrapped")  # fmt: skip
    assert imported["importJob"].endswith("/importJobs/j")
    (tmp_path / "wrapped").write_bytes(wrapped[:-8])
    refusal = kms("keys", "versions", "import", *ring, "--key=i", "--import-job=j",
                  "--algorithm=aes-256-gcm", "--wrapped-key-file=wrapped", code=1)  # fmt: skip
    assert "does not open" in refusal


def test_keys_are_made_on_demand_where_the_setting_says(
    kms: Kms, universe: Universe, tmp_path: Path
) -> None:
    folder = universe.above["folders"]
    where = [f"--location={universe.location}", "--format=json"]
    setting = {"name": f"{folder}/autokeyConfig", "keyProject": f"projects/{universe.project}"}
    (tmp_path / "setting.yaml").write_text(json.dumps(setting))
    kms("autokey-config", "update", "setting.yaml")
    number = folder.partition("/")[2]
    assert read(kms, "autokey-config", "describe", f"--folder={number}")["state"] == "ACTIVE"
    effective = read(
        kms, "autokey-config", "show-effective-config", f"--project={universe.project}"
    )
    assert effective["keyProject"] == setting["keyProject"]
    id_ = f"h-{uuid.uuid4().hex[:8]}"
    kms("key-handles", "create", f"--key-handle-id={id_}",
        "--resource-type=storage.googleapis.com/Bucket", *where)  # fmt: skip
    made = read(kms, "key-handles", "describe", id_, where[0])
    assert "/keyRings/autokey/cryptoKeys/" in made["kmsKey"]
    listed = kms("key-handles", "list", "--resource-type=storage.googleapis.com/Bucket", *where)
    assert made in json.loads(listed)
    assert read(kms, "keys", "describe", made["kmsKey"])["rotationPeriod"] == "31536000s"


def test_a_version_that_is_not_there_and_an_algorithm_that_is_not_offered_are_refused_at_once(
    kms: Kms, ring: list[str]
) -> None:
    kms("keys", "create", "k", *ring, "--purpose=encryption")
    refusal = kms("keys", "set-primary-version", "k", *ring, "--version=7", code=1)
    assert "NOT_FOUND" in refusal
    refusal = kms("keys", "create", "s", *ring, "--purpose=asymmetric-signing",
                  "--default-algorithm=pq-sign-slh-dsa-sha2-128s", code=1)  # fmt: skip
    assert "INVALID_ARGUMENT" in refusal
    assert "PQ_SIGN_SLH_DSA_SHA2_128S" in refusal


def test_what_is_not_there_says_so_by_name(kms: Kms, ring: list[str]) -> None:
    refusal = kms("keys", "create", "h", *ring, "--purpose=encryption", "--protection-level=hsm",
                  code=1)  # fmt: skip
    assert "protection level HSM" in refusal
