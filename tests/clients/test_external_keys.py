"""External keys end to end: Google's clients, a universe, and a key holder's own program."""

from __future__ import annotations

import json
import ssl
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.api_core import exceptions
from google.cloud import kms_v1
from google.oauth2 import service_account
from google.protobuf.field_mask_pb2 import FieldMask
from google.rpc import error_details_pb2

from support.key_holder import REMPART
from support.two_parties import MADE, SPACE, TwoParties, two_parties
from support.universe import Universe, program

# The library leaves its connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

Run = Callable[..., str]
SERVICE = "projects/p/locations/l/namespaces/n/services/s"
Level: Any = kms_v1.ProtectionLevel
Purpose: Any = kms_v1.CryptoKey.CryptoKeyPurpose
Algorithm: Any = kms_v1.CryptoKeyVersion.CryptoKeyVersionAlgorithm
Mode: Any = kms_v1.EkmConnection.KeyManagementMode


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoParties]:
    with two_parties(tmp_path_factory.mktemp("parties")) as made:
        yield made


@pytest.fixture
def kms(both: TwoParties, tmp_path: Path) -> Run:
    gcloud = program("gcloud")

    def run(*words: str, code: int = 0) -> str:
        done = both.universe.run(gcloud, "kms", *words, code=code, cwd=tmp_path)
        return done.stdout if code == 0 else done.stderr

    return run


def read(kms: Run, *words: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(kms(*words, "--format=json"))
    return content


@pytest.fixture(scope="module")
def place(both: TwoParties) -> str:
    return f"projects/{both.universe.project}/locations/{both.universe.location}"


def connected(universe: Universe, transport: str, kind: type[Any]) -> Any:
    credentials = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]  # Google's is untyped
        universe.admin_key
    )
    if transport == "grpc":
        # gRPC reads the variable that names authorities once a process: another universe's, here.
        roots = Path(universe.env["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"]).read_bytes()
        made = kind.get_transport_class("grpc")(
            host=f"localhost:{universe.listen}",
            credentials=credentials,
            ssl_channel_credentials=grpc.ssl_channel_credentials(roots),
        )
        return kind(transport=made, client_options={"universe_domain": universe.domain})
    return kind(
        credentials=credentials,
        transport=transport,
        client_options={
            "api_endpoint": f"localhost:{universe.listen}/cloudkms",
            "universe_domain": universe.domain,
        },
    )


@pytest.fixture(scope="module", params=["grpc", "rest"])
def transport(both: TwoParties, request: pytest.FixtureRequest) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in both.universe.env.items():
            patch.setenv(name, value)
        yield request.param


def fresh(stem: str) -> str:
    return f"{stem}-{uuid.uuid4().hex[:8]}"


def fault(problem: Any) -> str:
    """Return the error domain, which gRPC has as a message and REST as JSON."""
    for one in problem.details:
        if isinstance(one, dict) and one["@type"].endswith("PreconditionFailure"):
            return str(one["violations"][1]["type"])
        if isinstance(one, error_details_pb2.PreconditionFailure):
            return str(one.violations[1].type)
    return ""


def der_of(path: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(path.read_text())


# The universe as an issuer.


def test_the_published_keys_are_those_that_are_printed(both: TwoParties) -> None:
    universe = both.universe
    printed = json.loads(universe.run(REMPART, "issuer-keys", "--data", universe.data).stdout)
    with universe.caller(plain=True) as caller:
        assert caller.get("/oauth2/v3/certs").json() == printed
        told = caller.get("/.well-known/openid-configuration").json()
        named = {"host": f"accounts.{universe.domain}"}
        assert caller.get("/oauth2/v3/certs", headers=named).json() == printed
    assert told["issuer"] == f"https://accounts.{universe.domain}"
    assert jwt.PyJWKSet.from_dict(printed).keys[0].algorithm_name == "EdDSA"


# gcloud.


def connection_of(both: TwoParties, kms: Run, *flags: str) -> str:
    """Make a connection and return its id."""
    connection = fresh("c")
    kms(
        "ekm-connections", "create", connection, f"--location={both.universe.location}",
        f"--hostname={both.host}", f"--service-directory-service={SERVICE}",
        f"--server-certificates-files={both.certificate}", *flags,
    )  # fmt: skip
    return connection


def test_gcloud_connects_a_location_with_a_manager(both: TwoParties, kms: Run, place: str) -> None:
    where, connection = f"--location={both.universe.location}", connection_of(both, kms)
    shown = read(kms, "ekm-connections", "describe", connection, where)
    assert shown["serviceResolvers"][0]["hostname"] == both.host
    listed = json.loads(kms("ekm-connections", "list", where, "--format=json"))
    assert f"{place}/ekmConnections/{connection}" in [one["name"] for one in listed]
    name = f"{place}/ekmConnections/{connection}"
    kms("ekm-config", "update", where, f"--default-ekm-connection={name}")
    assert read(kms, "ekm-config", "describe", where)["defaultEkmConnection"] == name


def test_gcloud_makes_uses_and_moves_a_key_until_an_officer_blocks_it(
    both: TwoParties, kms: Run, place: str, tmp_path: Path
) -> None:
    where, ring = f"--location={both.universe.location}", fresh("r")
    name = f"{place}/ekmConnections/{connection_of(both, kms)}"
    path = both.create_key(f"{SPACE}/keys/{fresh('k')}")
    kms("keyrings", "create", ring, where)
    key = [where, f"--keyring={ring}", "--key=k"]
    kms("keys", "create", "k", where, f"--keyring={ring}", "--purpose=encryption",
        "--protection-level=external-vpc", "--skip-initial-version-creation",
        "--default-algorithm=external-symmetric-encryption",
        f"--crypto-key-backend={name}")  # fmt: skip
    refusal = kms("keys", "versions", "create", *key,
                  f"--ekm-connection-key-path={SPACE}/keys/absent", code=1)  # fmt: skip
    assert "EXTERNAL_NOT_FOUND" in refusal
    kms("keys", "versions", "create", *key, f"--ekm-connection-key-path={path}", "--primary")
    version = read(kms, "keys", "versions", "describe", "1", *key)
    assert version["externalProtectionLevelOptions"] == {"ekmConnectionKeyPath": path}

    (tmp_path / "plain").write_bytes(b"attack at dawn")
    kms("encrypt", *key, "--plaintext-file=plain", "--ciphertext-file=sealed")
    opening = ["decrypt", *key, "--plaintext-file=opened", "--ciphertext-file=sealed"]
    kms(*opening)
    assert (tmp_path / "opened").read_bytes() == b"attack at dawn"

    other = both.create_key(f"{SPACE}/keys/{fresh('k')}")
    moving = ["keys", "versions", "update", "1", *key, "--ekm-connection-key-path"]
    assert "does not open" in kms(*moving, other, code=1)
    kms(*moving, path)

    both.officer("block", path)
    assert "blocked" in kms(*opening, code=1)
    entries = [one for one in both.holder.entries() if one.get("kind") == "request"]
    assert entries[-1]["status"] == 403


def test_gcloud_has_keys_made_and_signs_with_them(
    both: TwoParties, kms: Run, place: str, tmp_path: Path
) -> None:
    where, ring = f"--location={both.universe.location}", fresh("r")
    connection = connection_of(both, kms, "--key-management-mode=manual")
    kms("ekm-connections", "update", connection, where,
        "--key-management-mode=cloud-kms", f"--crypto-space-path={MADE}")  # fmt: skip
    kms("keyrings", "create", ring, where)
    kms("keys", "create", "s", where, f"--keyring={ring}", "--purpose=asymmetric-signing",
        "--protection-level=external-vpc", "--default-algorithm=ec-sign-p256-sha256",
        f"--crypto-key-backend={place}/ekmConnections/{connection}")  # fmt: skip
    key = [where, f"--keyring={ring}", "--key=s"]
    (tmp_path / "text").write_bytes(b"I agree")
    kms("asymmetric-sign", *key, "--version=1", "--digest-algorithm=sha256",
        "--input-file=text", "--signature-file=signature")  # fmt: skip
    kms("keys", "versions", "get-public-key", "1", *key, "--output-file=public.pem")
    public = serialization.load_pem_public_key((tmp_path / "public.pem").read_bytes())
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify((tmp_path / "signature").read_bytes(), b"I agree", ec.ECDSA(hashes.SHA256()))


# Google's Python library.


def test_python_connects_verifies_and_uses_keys(
    both: TwoParties, transport: str, place: str
) -> None:
    ekm = connected(both.universe, transport, kms_v1.EkmServiceClient)
    der = der_of(both.certificate)
    made = ekm.create_ekm_connection(
        parent=place,
        ekm_connection_id=fresh("c"),
        ekm_connection=kms_v1.EkmConnection(
            service_resolvers=[
                kms_v1.EkmConnection.ServiceResolver(
                    service_directory_service=SERVICE,
                    hostname=both.host,
                    server_certificates=[kms_v1.Certificate(raw_der=der)],
                )
            ],
            key_management_mode=Mode.CLOUD_KMS,
            crypto_space_path=MADE,
        ),
    )
    [shown] = made.service_resolvers[0].server_certificates
    assert (shown.raw_der, shown.parsed) == (der, True)
    assert shown.not_after_time > shown.not_before_time
    assert made.name in [one.name for one in ekm.list_ekm_connections(parent=place)]
    ekm.verify_connectivity(name=made.name)
    made.crypto_space_path = "v0/cryptospaces/absent"
    mask = FieldMask(paths=["crypto_space_path"])
    ekm.update_ekm_connection(ekm_connection=made, update_mask=mask)
    with pytest.raises(exceptions.BadRequest) as caught:
        ekm.verify_connectivity(name=made.name)
    assert fault(caught.value) == "EXTERNAL_NOT_FOUND"
    restored = ekm.get_ekm_connection(name=made.name)
    restored.crypto_space_path = MADE
    ekm.update_ekm_connection(ekm_connection=restored, update_mask=mask)
    config = ekm.get_ekm_config(name=f"{place}/ekmConfig")
    config.default_ekm_connection = made.name
    ekm.update_ekm_config(
        ekm_config=config, update_mask=FieldMask(paths=["default_ekm_connection"])
    )

    client = connected(both.universe, transport, kms_v1.KeyManagementServiceClient)
    ring = client.create_key_ring(
        parent=place, key_ring_id=fresh("r"), key_ring=kms_v1.KeyRing()
    ).name
    key = client.create_crypto_key(
        parent=ring,
        crypto_key_id="k",
        crypto_key=kms_v1.CryptoKey(
            purpose=Purpose.ENCRYPT_DECRYPT,
            version_template=kms_v1.CryptoKeyVersionTemplate(
                protection_level=Level.EXTERNAL_VPC,
                algorithm=Algorithm.EXTERNAL_SYMMETRIC_ENCRYPTION,
            ),
        ),
    )
    assert key.crypto_key_backend == made.name
    path = key.primary.external_protection_level_options.ekm_connection_key_path
    assert path.startswith(f"{MADE}/keys/")
    sealed = client.encrypt(name=key.name, plaintext=b"attack at dawn")
    assert sealed.protection_level == Level.EXTERNAL_VPC
    opened = client.decrypt(name=key.name, ciphertext=sealed.ciphertext)
    assert opened.plaintext == b"attack at dawn"


def test_python_uses_a_key_by_its_uri(both: TwoParties, transport: str, place: str) -> None:
    client = connected(both.universe, transport, kms_v1.KeyManagementServiceClient)
    path = both.create_key(f"{SPACE}/keys/{fresh('k')}")
    ring = client.create_key_ring(
        parent=place, key_ring_id=fresh("r"), key_ring=kms_v1.KeyRing()
    ).name
    key = client.create_crypto_key(
        request={
            "parent": ring,
            "crypto_key_id": "k",
            "skip_initial_version_creation": True,
            "crypto_key": {
                "purpose": Purpose.ENCRYPT_DECRYPT,
                "version_template": {
                    "protection_level": Level.EXTERNAL,
                    "algorithm": Algorithm.EXTERNAL_SYMMETRIC_ENCRYPTION,
                },
            },
        }
    )
    options = {"external_key_uri": f"https://{both.host}/{path}"}
    version = client.create_crypto_key_version(
        parent=key.name, crypto_key_version={"external_protection_level_options": options}
    )
    sealed = client.encrypt(name=version.name, plaintext=b"attack at dawn")
    opened = client.decrypt(name=key.name, ciphertext=sealed.ciphertext)
    assert opened.plaintext == b"attack at dawn"
    begun = time.monotonic()
    both.officer("block", path)
    with pytest.raises(exceptions.BadRequest, match="blocked") as caught:
        client.decrypt(name=key.name, ciphertext=sealed.ciphertext)
    assert fault(caught.value) == "EXTERNAL_PERMISSION_DENIED"
    assert time.monotonic() - begun < 20


def test_a_token_for_another_audience_is_refused_by_the_manager(
    both: TwoParties, transport: str, place: str
) -> None:
    ekm = connected(both.universe, transport, kms_v1.EkmServiceClient)
    made = ekm.create_ekm_connection(
        parent=place,
        ekm_connection_id=fresh("c"),
        ekm_connection=kms_v1.EkmConnection(
            service_resolvers=[
                kms_v1.EkmConnection.ServiceResolver(
                    service_directory_service=SERVICE,
                    hostname="localhost",
                    server_certificates=[kms_v1.Certificate(raw_der=der_of(both.certificate))],
                )
            ]
        ),
    )
    with pytest.raises(
        exceptions.BadRequest, match="did not accept this universe's token"
    ) as caught:
        ekm.verify_connectivity(name=made.name)
    assert fault(caught.value) == "EXTERNAL_PERMISSION_DENIED"
