"""Acting for an account by Google's own tools: tokens, ID tokens, signatures, without a key."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import google.auth.transport.requests
import httpx
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from google.api_core import exceptions as api_exceptions
from google.auth import impersonated_credentials
from google.cloud import iam_credentials_v1, storage
from google.oauth2 import id_token, service_account

from support.universe import CLOUD_PLATFORM, Universe, created, program

# The library leaves its connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
AUDIENCE = "https://service.example.test"


@pytest.fixture(scope="module")
def target(admin: httpx.Client, universe: Universe) -> Iterator[str]:
    """Return the email of an account that the administrator may act for."""
    id_ = f"target-{int(time.time())}"
    accounts = f"/iam/v1/projects/{universe.project}/serviceAccounts"
    made = admin.post(accounts, json={"accountId": id_})
    assert made.status_code == 200, made.text
    email: str = made.json()["email"]
    _trust(admin, universe, email, universe.admin_key["client_email"])
    yield email
    admin.delete(f"{accounts}/{email}")


def _trust(admin: httpx.Client, universe: Universe, email: str, by: str) -> None:
    binding = {
        "role": "roles/iam.serviceAccountTokenCreator",
        "members": [f"serviceAccount:{by}"],
    }
    url = f"/iam/v1/projects/{universe.project}/serviceAccounts/{email}:setIamPolicy"
    answer = admin.post(url, json={"policy": {"bindings": [binding]}})
    assert answer.status_code == 200, answer.text


@pytest.fixture
def secret(admin: httpx.Client, universe: Universe, name: str, target: str) -> str:
    """Return a bucket with an object that only the target may read."""
    uniform = {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}}}
    created(admin, universe, name, uniform)
    put = f"/upload/storage/v1/b/{name}/o"
    admin.post(put, params={"uploadType": "media", "name": "plan"}, content=b"the plan")
    binding = {"role": "roles/storage.objectViewer", "members": [f"serviceAccount:{target}"]}
    admin.put(f"/storage/v1/b/{name}/iam", json={"bindings": [binding]})
    return name


def source(universe: Universe) -> Any:
    loaded: Any = service_account.Credentials.from_service_account_info
    return loaded(universe.admin_key, scopes=[CLOUD_PLATFORM])


@pytest.fixture
def acting(shell: Universe, target: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return Google's impersonated credentials; the library has no setting for where they are."""
    host = f"{shell.url}/iamcredentials"
    for name in ("_IAM_ENDPOINT", "_IAM_SIGN_ENDPOINT", "_IAM_IDTOKEN_ENDPOINT"):
        known = getattr(google.auth.iam, name)
        there = known.replace("https://iamcredentials.googleapis.com", host)
        monkeypatch.setattr(google.auth.iam, name, there)
    build: Any = impersonated_credentials.Credentials
    return build(
        source_credentials=source(shell),
        target_principal=target,
        target_scopes=[CLOUD_PLATFORM],
        iam_endpoint_override=f"{host}/v1/projects/-/serviceAccounts/{target}:generateAccessToken",
    )


def test_python_reads_as_the_account(shell: Universe, acting: Any, secret: str) -> None:
    client = storage.Client(
        project=shell.project,
        credentials=acting,
        client_options={"api_endpoint": shell.url, "universe_domain": shell.domain},
    )
    assert client.bucket(secret).blob("plan").download_as_bytes() == b"the plan"
    client.close()


def test_pythons_signature_verifies_by_the_published_certificate(
    shell: Universe, acting: Any, target: str
) -> None:
    signature = acting.sign_bytes(b"content")
    with shell.caller() as anybody:
        certificates = anybody.get(f"/robot/v1/metadata/x509/{target}").json()
    publics = [x509.load_pem_x509_certificate(one.encode()) for one in certificates.values()]
    (public,) = [one.public_key() for one in publics]
    assert isinstance(public, RSAPublicKey)
    public.verify(signature, b"content", PKCS1v15(), SHA256())


def test_pythons_id_token_verifies_by_googles_verifier(
    shell: Universe, acting: Any, target: str
) -> None:
    build: Any = impersonated_credentials.IDTokenCredentials
    credentials = build(acting, target_audience=AUDIENCE, include_email=True)
    request = google.auth.transport.requests.Request()
    credentials.refresh(request)
    verify: Any = id_token.verify_token
    certificates = f"{shell.url}/oauth2/v3/certs"
    claims = verify(credentials.token, request, AUDIENCE, certs_url=certificates)
    assert (claims["iss"], claims["email"]) == (f"https://accounts.{shell.domain}", target)
    with pytest.raises(jwt.InvalidAudienceError):
        verify(credentials.token, request, "https://another.example.test", certs_url=certificates)


def test_gcloud_acts_for_the_account(shell: Universe, target: str, secret: str) -> None:
    gcloud, flag = program("gcloud"), f"--impersonate-service-account={target}"
    done = shell.run(gcloud, "storage", "cat", f"gs://{secret}/plan", flag)
    assert done.stdout.strip() == "the plan"
    told = shell.run(gcloud, "auth", "print-identity-token", flag, f"--audiences={AUDIENCE}")
    claims = jwt.decode(told.stdout.strip(), options={"verify_signature": False})
    assert claims["aud"] == AUDIENCE


@pytest.fixture(scope="module", params=["grpc", "rest"])
def client(shell: Universe, request: pytest.FixtureRequest) -> Any:
    path = "/iamcredentials" if request.param == "rest" else ""
    return iam_credentials_v1.IAMCredentialsClient(
        credentials=source(shell),
        transport=request.param,
        client_options={
            "api_endpoint": f"localhost:{shell.listen}{path}",
            "universe_domain": shell.domain,
        },
    )


def test_the_client_library_asks_for_everything(
    client: Any, shell: Universe, target: str, admin: httpx.Client
) -> None:
    name = f"projects/-/serviceAccounts/{target}"
    token = client.generate_access_token(name=name, scope=[CLOUD_PLATFORM])
    assert token.access_token.startswith("ya29.d.")
    assert 3500 < token.expire_time.timestamp() - time.time() <= 3600
    made = client.generate_id_token(name=name, audience=AUDIENCE, include_email=True)
    claims = jwt.decode(made.token, options={"verify_signature": False})
    assert (claims["aud"], claims["email"]) == (AUDIENCE, target)
    blob = client.sign_blob(name=name, payload=b"content")
    signed = client.sign_jwt(name=name, payload=json.dumps({"sub": "x"}))
    assert blob.key_id == signed.key_id
    keys = admin.get(f"/robot/v1/metadata/jwk/{target}").json()
    key = jwt.PyJWKSet.from_dict(keys)[signed.key_id].key
    assert jwt.decode(signed.signed_jwt, key, ["RS256"])["sub"] == "x"
    key.verify(blob.signed_blob, b"content", PKCS1v15(), SHA256())
    nobody = name.replace("target-", "absent-")
    with pytest.raises(api_exceptions.Forbidden, match="getAccessToken"):
        client.generate_access_token(name=nobody, scope=[CLOUD_PLATFORM])
    with pytest.raises(api_exceptions.BadRequest):
        client.generate_access_token(name=name)


def test_a_signed_token_buys_an_id_token_at_the_token_endpoint(
    shell: Universe, admin: httpx.Client
) -> None:
    build: Any = service_account.IDTokenCredentials
    key = shell.admin_key | {"token_uri": f"{shell.url}/token"}
    key.pop("universe_domain")
    credentials = build.from_service_account_info(key, target_audience=AUDIENCE)
    request = google.auth.transport.requests.Request()
    credentials.refresh(request)
    verify: Any = id_token.verify_token
    claims = verify(credentials.token, request, AUDIENCE, certs_url=f"{shell.url}/oauth2/v3/certs")
    assert claims["email"] == key["client_email"]
    plan = "/storage/v1/b?project=" + shell.project
    bearer = {"authorization": f"Bearer {credentials.token}"}
    assert admin.get(plan, headers=bearer).status_code == 401
