"""Google's own Python library for Cloud KMS, by gRPC and by REST: what keys do, checked outside."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from typing import Any

import google_crc32c
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, mldsa, mlkem, padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.api_core import exceptions
from google.cloud import kms_inventory_v1, kms_v1
from google.oauth2 import service_account
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from support.universe import Universe

# The library leaves its connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

Client = kms_v1.KeyManagementServiceClient
Algorithm: Any = kms_v1.CryptoKeyVersion.CryptoKeyVersionAlgorithm
Purpose: Any = kms_v1.CryptoKey.CryptoKeyPurpose
State = kms_v1.CryptoKeyVersion.CryptoKeyVersionState
MESSAGE = b"I agree"


def settings(
    universe: Universe, transport: str, key: dict[str, str], prefix: str = "/cloudkms"
) -> dict[str, Any]:
    path = prefix if transport == "rest" else ""
    return {
        "credentials": service_account.Credentials.from_service_account_info(key),  # type: ignore[no-untyped-call]  # Google's is untyped
        "transport": transport,
        "client_options": {
            "api_endpoint": f"localhost:{universe.listen}{path}",
            "universe_domain": universe.domain,
        },
    }


def connected(universe: Universe, transport: str, key: dict[str, str]) -> Client:
    return Client(**settings(universe, transport, key))


@pytest.fixture(scope="module", params=["grpc", "rest"])
def client(shell: Universe, request: pytest.FixtureRequest) -> Client:
    return connected(shell, request.param, shell.admin_key)


@pytest.fixture(scope="module")
def ring(client: Client, shell: Universe) -> str:
    parent = f"projects/{shell.project}/locations/{shell.location}"
    made = client.create_key_ring(
        parent=parent, key_ring_id=f"r-{uuid.uuid4().hex[:12]}", key_ring=kms_v1.KeyRing()
    )
    return str(made.name)


def new_version(client: Client, ring: str, purpose: Any, algorithm: Any, **fields: Any) -> str:
    key = client.create_crypto_key(
        parent=ring,
        crypto_key_id=f"k-{uuid.uuid4().hex[:12]}",
        crypto_key=kms_v1.CryptoKey(
            purpose=purpose,
            version_template=kms_v1.CryptoKeyVersionTemplate(algorithm=algorithm),
            **fields,
        ),
    )
    return f"{key.name}/cryptoKeyVersions/1"


def public_key(client: Client, version: str) -> Any:
    shown = client.get_public_key(name=version)
    assert shown.pem_crc32c == google_crc32c.value(shown.pem.encode())
    return serialization.load_pem_public_key(shown.pem.encode())


def signature_of(client: Client, version: str, digest: str = "sha256") -> bytes:
    value = hashlib.new(digest, MESSAGE).digest()
    done = client.asymmetric_sign(
        {
            "name": version,
            "digest": {digest: value},
            "digest_crc32c": google_crc32c.value(value),
        }
    )
    assert done.verified_digest_crc32c
    assert done.signature_crc32c == google_crc32c.value(done.signature)
    return bytes(done.signature)


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("EC_SIGN_P256_SHA256", "sha256"),
        ("EC_SIGN_P384_SHA384", "sha384"),
        ("EC_SIGN_SECP256K1_SHA256", "sha256"),
    ],
)
def test_elliptic_curves_sign(client: Client, ring: str, name: str, digest: str) -> None:
    version = new_version(client, ring, Purpose.ASYMMETRIC_SIGN, Algorithm[name])
    public = public_key(client, version)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    hashed = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384()}[digest]
    public.verify(signature_of(client, version, digest), MESSAGE, ec.ECDSA(hashed))


@pytest.mark.parametrize("scheme", ["PSS", "PKCS1"])
def test_rsa_signs(client: Client, ring: str, scheme: str) -> None:
    algorithm = Algorithm[f"RSA_SIGN_{scheme}_2048_SHA256"]
    version = new_version(client, ring, Purpose.ASYMMETRIC_SIGN, algorithm)
    public = public_key(client, version)
    assert isinstance(public, RSAPublicKey)
    pads = {
        "PSS": padding.PSS(padding.MGF1(hashes.SHA256()), 32),
        "PKCS1": padding.PKCS1v15(),
    }
    digest = hashlib.sha256(MESSAGE).digest()
    signature = signature_of(client, version)
    public.verify(signature, digest, pads[scheme], Prehashed(hashes.SHA256()))


def test_ed25519_signs_data(client: Client, ring: str) -> None:
    version = new_version(client, ring, Purpose.ASYMMETRIC_SIGN, Algorithm.EC_SIGN_ED25519)
    public = public_key(client, version)
    assert isinstance(public, Ed25519PublicKey)
    public.verify(client.asymmetric_sign({"name": version, "data": MESSAGE}).signature, MESSAGE)
    with pytest.raises(exceptions.BadRequest, match="signs data"):
        signature_of(client, version)


def test_ml_dsa_signs(client: Client, ring: str) -> None:
    version = new_version(client, ring, Purpose.ASYMMETRIC_SIGN, Algorithm.PQ_SIGN_ML_DSA_65)
    with pytest.raises(exceptions.BadRequest, match="publicKeyFormat"):
        client.get_public_key(name=version)
    raw = kms_v1.PublicKey.PublicKeyFormat.NIST_PQC
    shown = client.get_public_key({"name": version, "public_key_format": raw})
    data = shown.public_key.data
    assert shown.public_key.crc32c_checksum == google_crc32c.value(data)
    public = mldsa.MLDSA65PublicKey.from_public_bytes(data)
    public.verify(client.asymmetric_sign({"name": version, "data": MESSAGE}).signature, MESSAGE)


def test_a_secret_is_encapsulated_and_decapsulated(client: Client, ring: str) -> None:
    version = new_version(client, ring, Purpose.KEY_ENCAPSULATION, Algorithm.ML_KEM_768)
    raw = kms_v1.PublicKey.PublicKeyFormat.NIST_PQC
    shown = client.get_public_key({"name": version, "public_key_format": raw})
    public = mlkem.MLKEM768PublicKey.from_public_bytes(shown.public_key.data)
    secret, ciphertext = public.encapsulate()
    assert client.decapsulate({"name": version, "ciphertext": ciphertext}).shared_secret == secret


def test_oaep_decrypts_and_refuses_what_was_changed(client: Client, ring: str) -> None:
    algorithm = Algorithm.RSA_DECRYPT_OAEP_3072_SHA256
    version = new_version(client, ring, Purpose.ASYMMETRIC_DECRYPT, algorithm)
    public = public_key(client, version)
    mask = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    sealed = public.encrypt(MESSAGE, mask)
    assert client.asymmetric_decrypt(name=version, ciphertext=sealed).plaintext == MESSAGE
    with pytest.raises(exceptions.BadRequest):
        client.asymmetric_decrypt(name=version, ciphertext=sealed[:-1] + bytes([sealed[-1] ^ 1]))


def test_macs_are_those_of_the_standard_library(client: Client, ring: str) -> None:
    version = new_version(client, ring, Purpose.MAC, Algorithm.HMAC_SHA512)
    mac = client.mac_sign(name=version, data=MESSAGE).mac
    assert len(mac) == hashlib.sha512().digest_size
    assert client.mac_verify(name=version, data=MESSAGE, mac=mac).success
    wrong = client.mac_verify(name=version, data=b"I disagree", mac=mac)
    assert not wrong.success
    assert not hmac.compare_digest(mac, client.mac_sign(name=version, data=b"other").mac)


def test_raw_gcm_gives_its_vector_and_opens(client: Client, ring: str) -> None:
    algorithm = Algorithm.AES_256_GCM
    version = new_version(client, ring, Purpose.RAW_ENCRYPT_DECRYPT, algorithm)
    made = client.raw_encrypt(
        {"name": version, "plaintext": MESSAGE, "additional_authenticated_data": b"with"}
    )
    assert (len(made.initialization_vector), made.tag_length) == (12, 16)
    assert len(made.ciphertext) == len(MESSAGE) + 16
    asked = {
        "name": version,
        "ciphertext": made.ciphertext,
        "additional_authenticated_data": b"with",
        "initialization_vector": made.initialization_vector,
        "tag_length": 16,
    }
    assert client.raw_decrypt(asked).plaintext == MESSAGE
    other = AESGCM(bytes(32)).encrypt(made.initialization_vector, MESSAGE, b"with")
    with pytest.raises(exceptions.BadRequest):
        client.raw_decrypt(asked | {"ciphertext": other})


def test_a_symmetric_key_lives_its_life(client: Client, ring: str) -> None:
    algorithm = Algorithm.GOOGLE_SYMMETRIC_ENCRYPTION
    day = Duration(seconds=86_400)
    version = new_version(
        client, ring, Purpose.ENCRYPT_DECRYPT, algorithm, destroy_scheduled_duration=day
    )
    key = version.partition("/cryptoKeyVersions/")[0]
    sealed = client.encrypt(
        {"name": key, "plaintext": MESSAGE, "plaintext_crc32c": google_crc32c.value(MESSAGE)}
    )
    assert sealed.verified_plaintext_crc32c
    assert sealed.name == version
    opened = client.decrypt(name=key, ciphertext=sealed.ciphertext)
    assert (opened.plaintext, opened.used_primary) == (MESSAGE, True)
    second = client.create_crypto_key_version(
        parent=key, crypto_key_version=kms_v1.CryptoKeyVersion()
    )
    client.update_crypto_key_primary_version(name=key, crypto_key_version_id="2")
    assert client.encrypt(name=key, plaintext=MESSAGE).name == second.name
    disabled = kms_v1.CryptoKeyVersion(name=version, state=State.DISABLED)
    client.update_crypto_key_version(
        crypto_key_version=disabled, update_mask=FieldMask(paths=["state"])
    )
    with pytest.raises(exceptions.BadRequest, match="DISABLED"):
        client.decrypt(name=key, ciphertext=sealed.ciphertext)
    gone = client.destroy_crypto_key_version(name=version)
    assert gone.state is State.DESTROY_SCHEDULED
    assert client.restore_crypto_key_version(name=version).state is State.DISABLED
    states = [one.state for one in client.list_crypto_key_versions(parent=key)]
    assert states == [State.DISABLED, State.ENABLED]


def test_a_key_without_versions_is_deleted_and_its_name_retired(client: Client, ring: str) -> None:
    purpose: Any = Purpose.ENCRYPT_DECRYPT
    asked = {
        "parent": ring,
        "crypto_key_id": f"k-{uuid.uuid4().hex[:12]}",
        "crypto_key": kms_v1.CryptoKey(purpose=purpose),
        "skip_initial_version_creation": True,
    }
    name = client.create_crypto_key(asked).name
    operation = client.delete_crypto_key(name=name)
    operation.result(timeout=10)  # type: ignore[no-untyped-call]  # Google's is untyped
    retired = client.get_retired_resource(name=operation.metadata.retired_resource)
    assert retired.original_resource == name
    location = ring.partition("/keyRings/")[0]
    assert retired in list(client.list_retired_resources(parent=location))
    with pytest.raises(exceptions.NotFound):
        client.get_crypto_key(name=name)
    with pytest.raises(exceptions.Conflict):
        client.create_crypto_key(asked)


def test_a_version_in_use_is_not_deleted(client: Client, ring: str) -> None:
    algorithm = Algorithm.GOOGLE_SYMMETRIC_ENCRYPTION
    version = new_version(client, ring, Purpose.ENCRYPT_DECRYPT, algorithm)
    with pytest.raises(exceptions.BadRequest, match="ENABLED"):
        client.delete_crypto_key_version(name=version)


def test_a_key_is_made_on_demand(client: Client, shell: Universe) -> None:
    transport = client.transport.kind
    options = settings(shell, transport, shell.admin_key)
    admin, autokey = kms_v1.AutokeyAdminClient(**options), kms_v1.AutokeyClient(**options)
    name = f"projects/{shell.project}/autokeyConfig"
    mode = kms_v1.AutokeyConfig.KeyProjectResolutionMode.RESOURCE_PROJECT
    config = kms_v1.AutokeyConfig(name=name, key_project_resolution_mode=mode)
    mask = FieldMask(paths=["key_project_resolution_mode"])
    set_to = admin.update_autokey_config(autokey_config=config, update_mask=mask)
    assert admin.get_autokey_config(name=name) == set_to
    effective = admin.show_effective_autokey_config(parent=f"projects/{shell.project}")
    assert effective.key_project == ""
    parent = f"projects/{shell.project}/locations/{shell.location}"
    handle = kms_v1.KeyHandle(resource_type_selector="storage.googleapis.com/Bucket")
    operation = autokey.create_key_handle(parent=parent, key_handle=handle)
    made = operation.result(timeout=10)  # type: ignore[no-untyped-call]  # Google's is untyped
    assert autokey.get_key_handle(name=made.name) == made
    assert made in list(autokey.list_key_handles(parent=parent))
    assert client.get_crypto_key(name=made.kms_key).rotation_period.days == 365
    nothing = kms_v1.AutokeyConfig(name=name)
    cleared = FieldMask(paths=["key_project"])
    left = admin.update_autokey_config(autokey_config=nothing, update_mask=cleared)
    assert left.key_project_resolution_mode == 0


def test_the_inventory_lists_keys_and_what_they_protect(
    client: Client, ring: str, shell: Universe
) -> None:
    version = new_version(client, ring, Purpose.MAC, Algorithm.HMAC_SHA256)
    key = version.partition("/cryptoKeyVersions/")[0]
    options = settings(shell, client.transport.kind, shell.admin_key, "/kmsinventory")
    dashboard = kms_inventory_v1.KeyDashboardServiceClient(**options)
    tracking = kms_inventory_v1.KeyTrackingServiceClient(**options)
    listed = dashboard.list_crypto_keys(parent=f"projects/{shell.project}")
    assert key in [one.name for one in listed]
    assert tracking.get_protected_resources_summary(name=key).resource_count == 0
    found = tracking.search_protected_resources(scope=shell.above["organizations"], crypto_key=key)
    assert list(found) == []


def test_a_stranger_may_encrypt_once_it_is_granted_and_never_decrypt(
    client: Client, ring: str, shell: Universe
) -> None:
    version = new_version(
        client, ring, Purpose.ENCRYPT_DECRYPT, Algorithm.GOOGLE_SYMMETRIC_ENCRYPTION
    )
    key = version.partition("/cryptoKeyVersions/")[0]
    stranger = connected(shell, "grpc", shell.keys["stranger"])
    with pytest.raises(exceptions.PermissionDenied, match=r"useToEncrypt"):
        stranger.encrypt(name=key, plaintext=MESSAGE)
    member = f"serviceAccount:{shell.keys['stranger']['client_email']}"
    role = "roles/cloudkms.cryptoKeyEncrypter"
    client.set_iam_policy(
        {"resource": key, "policy": {"bindings": [{"role": role, "members": [member]}]}}
    )
    sealed = stranger.encrypt(name=key, plaintext=MESSAGE).ciphertext
    with pytest.raises(exceptions.PermissionDenied, match=r"useToDecrypt"):
        stranger.decrypt(name=key, ciphertext=sealed)
    assert client.decrypt(name=key, ciphertext=sealed).plaintext == MESSAGE


def test_what_is_encrypted_survives_a_kill(client: Client, ring: str, shell: Universe) -> None:
    version = new_version(
        client, ring, Purpose.ENCRYPT_DECRYPT, Algorithm.GOOGLE_SYMMETRIC_ENCRYPTION
    )
    key = version.partition("/cryptoKeyVersions/")[0]
    sealed = client.encrypt(name=key, plaintext=MESSAGE).ciphertext
    shell.restart(kill=True)
    again = connected(shell, "rest", shell.admin_key)
    assert again.decrypt(name=key, ciphertext=sealed).plaintext == MESSAGE


def test_random_bytes_come_in_the_length_asked_for(client: Client, shell: Universe) -> None:
    location = f"projects/{shell.project}/locations/{shell.location}"
    made = client.generate_random_bytes({"location": location, "length_bytes": 64})
    assert len(made.data) == 64
    assert made.data_crc32c == google_crc32c.value(made.data)
    with pytest.raises(exceptions.BadRequest):
        client.generate_random_bytes({"location": location, "length_bytes": 4})
