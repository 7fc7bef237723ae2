"""Programs from outside, by Google's own tools: an OpenID provider's token opens a bucket."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.auth import exceptions, identity_pool
from google.auth.transport.requests import Request
from google.cloud import storage
from typing_extensions import override

from support.oidc_provider import OIDCProvider, running, signing_key
from support.universe import CLOUD_PLATFORM, Universe, created, program

# The library leaves its connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture(scope="module")
def provider(
    universe: Universe, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[OIDCProvider]:
    folder = tmp_path_factory.mktemp("provider")
    with running(folder, pytestconfig, authority=universe.outside) as made:
        yield made


class Workload:
    """A program outside: the file with its provider's token, and Google's file about the pool."""

    def __init__(self, universe: Universe, folder: Path, pool: str, provider: OIDCProvider) -> None:
        self.universe, self.folder, self.pool, self.provider = universe, folder, pool, provider
        self.token = folder / "token"
        self.settings = folder / "workload.json"

    def member(self, rest: str) -> str:
        kind = "principal" if rest.startswith("subject/") else "principalSet"
        return f"{kind}://iam.googleapis.com/{self.pool}/{rest}"

    def sign_in(self, who: str) -> None:
        """Get the provider's token anew, and leave it as an editor leaves a file."""
        self.token.write_text(self.provider.id_token(who) + "\n")

    def credentials(self, **changes: Any) -> Any:
        """Return what Google's library makes of the settings."""
        from_info: Any = identity_pool.Credentials.from_info
        return from_info(self.content(**changes), scopes=[CLOUD_PLATFORM])

    def content(self, **changes: Any) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.settings.read_text())
        return content | changes


def _gcloud(universe: Universe, *words: str, env: dict[str, str] | None = None) -> str:
    return universe.run(program("gcloud"), *words, env=env).stdout


@pytest.fixture(scope="module")
def workload(
    shell: Universe,
    admin: httpx.Client,
    provider: OIDCProvider,
    tmp_path_factory: pytest.TempPathFactory,
) -> Workload:
    """Return a pool and provider that gcloud made, and the settings that it wrote about them."""
    folder = tmp_path_factory.mktemp("workload")
    pools, id_ = ("iam", "workload-identity-pools"), f"wp-{uuid.uuid4().hex[:8]}"
    where = "--location=global"
    _gcloud(shell, *pools, "create", id_, where, "--display-name=Programs")
    mapping = "google.subject=assertion.sub,google.groups=assertion.groups"
    _gcloud(
        shell,
        *(*pools, "providers", "create-oidc", "corp", where, f"--workload-identity-pool={id_}"),
        *(f"--issuer-uri={provider.issuer}", "--allowed-audiences=workload"),
        f"--attribute-mapping={mapping},attribute.mail=assertion.email",
        "--attribute-condition=assertion.email_verified == true",
    )
    found = admin.get(f"/iam/v1/projects/{shell.project}/locations/global/workloadIdentityPools")
    (pool,) = [
        one["name"] for one in found.json()["workloadIdentityPools"] if one["name"].endswith(id_)
    ]
    shown = admin.get(f"/iam/v1/{pool}/providers/corp").json()
    assert shown["attributeMapping"]["attribute.mail"] == "assertion.email"
    made = Workload(shell, folder, pool, provider)
    _gcloud(
        shell,
        *(*pools, "create-cred-config", shown["name"], f"--output-file={made.settings}"),
        f"--credential-source-file={made.token}",
    )
    content = made.content()
    assert content["audience"] == f"//iam.googleapis.com/{shown['name']}"
    assert content["token_url"] == f"https://sts.{shell.domain}/v1/token"
    local = {
        "token_url": f"{shell.url}/sts/v1/token",
        "token_info_url": f"{shell.url}/sts/v1/introspect",
    }
    made.settings.write_text(json.dumps(content | local))
    made.sign_in("alice")
    return made


@pytest.fixture
def secret(admin: httpx.Client, universe: Universe, name: str) -> str:
    """Return a bucket with an object of the administrator's."""
    uniform = {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}}}
    created(admin, universe, name, uniform)
    put = f"/upload/storage/v1/b/{name}/o"
    answer = admin.post(put, params={"uploadType": "media", "name": "plan"}, content=b"the plan")
    assert answer.status_code == 200
    return name


def grant(admin: httpx.Client, bucket: str, *members: str) -> None:
    """Let these members, and no others, read a bucket."""
    binding = {"role": "roles/storage.objectViewer", "members": list(members)}
    answer = admin.put(f"/storage/v1/b/{bucket}/iam", json={"bindings": [binding]})
    assert answer.status_code == 200, answer.text


def read(workload: Workload, bucket: str, **changes: Any) -> bytes:
    """Read the object as Python's clients do with the settings that gcloud wrote."""
    client = storage.Client(
        project=workload.universe.project,
        credentials=workload.credentials(**changes),
        client_options={
            "api_endpoint": workload.universe.url,
            "universe_domain": workload.universe.domain,
        },
    )
    content: bytes = client.bucket(bucket).blob("plan").download_as_bytes(retry=None)
    client.close()
    return content


@pytest.mark.parametrize("rest", ["subject/alice", "group/auditors", "*", "attribute.mail/alice@"])
def test_a_token_from_a_file_opens_what_its_member_may(
    admin: httpx.Client, workload: Workload, secret: str, rest: str
) -> None:
    member = workload.member(rest + ("corp.example.test" if rest.endswith("@") else ""))
    grant(admin, secret, member)
    assert read(workload, secret) == b"the plan"


@pytest.mark.parametrize("rest", ["subject/bob", "group/visitors", "attribute.mail/alice"])
def test_other_members_of_the_pool_are_other_people(
    admin: httpx.Client, workload: Workload, secret: str, rest: str
) -> None:
    grant(admin, secret, workload.member(rest))
    with pytest.raises(Exception, match=r"403.*principal://iam\.googleapis\.com/.*subject/alice"):
        read(workload, secret)


def test_a_token_from_an_address_opens_it_too(
    admin: httpx.Client, workload: Workload, secret: str
) -> None:
    token = workload.provider.id_token("bob")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"token": token}).encode())

        @override
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    source = {
        "url": f"http://127.0.0.1:{server.server_port}/token",
        "format": {"type": "json", "subject_token_field_name": "token"},
    }
    grant(admin, secret, workload.member("group/visitors"))
    assert read(workload, secret, credential_source=source) == b"the plan"
    server.shutdown()
    server.server_close()
    thread.join()


def test_gcloud_signs_in_with_the_settings_and_reads(
    admin: httpx.Client, workload: Workload, secret: str, tmp_path: Path
) -> None:
    grant(admin, secret, workload.member("subject/alice"))
    env = {"CLOUDSDK_CONFIG": str(tmp_path), "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": ""}
    universe = workload.universe
    login = ("auth", "login", f"--cred-file={workload.settings}")
    told = universe.run(program("gcloud"), *login, env=env).stderr
    assert workload.member("subject/alice") in told
    shown = _gcloud(universe, "storage", "cat", f"gs://{secret}/plan", env=env)
    assert shown.strip() == "the plan"


def test_a_program_outside_becomes_an_account(
    admin: httpx.Client, workload: Workload, secret: str
) -> None:
    universe = workload.universe
    email = universe.keys["stranger"]["client_email"]
    account = f"/iam/v1/projects/{universe.project}/serviceAccounts/{email}"
    url = f"{universe.url}/iamcredentials/v1/projects/-/serviceAccounts/{email}:generateAccessToken"
    grant(admin, secret, f"serviceAccount:{email}")
    with pytest.raises(exceptions.RefreshError, match="getAccessToken"):
        read(workload, secret, service_account_impersonation_url=url)
    binding = {
        "role": "roles/iam.workloadIdentityUser",
        "members": [workload.member("group/engineers")],
    }
    body = {"policy": {"bindings": [binding]}}
    assert admin.post(f"{account}:setIamPolicy", json=body).status_code == 200
    assert read(workload, secret, service_account_impersonation_url=url) == b"the plan"
    assert admin.post(f"{account}:setIamPolicy", json={"policy": {}}).status_code == 200


def test_the_provider_changes_its_keys_and_goes_down(
    admin: httpx.Client, workload: Workload, secret: str
) -> None:
    grant(admin, secret, workload.member("subject/alice"))
    kept = workload.token.read_text()
    workload.provider.rotate(signing_key("second", "ES256"))
    try:
        # A key that the set lacks is asked for at once, but not sooner than after half a minute.
        workload.sign_in("alice")
        with pytest.raises(exceptions.OAuthError, match="no key of the subject token's kid"):
            read(workload, secret)
        workload.provider.stop()
        workload.token.write_text(kept)
        assert read(workload, secret) == b"the plan"
    finally:
        workload.provider.rotate(signing_key("first"))
        workload.token.write_text(kept)


def test_a_pool_that_is_disabled_refuses_at_once(
    admin: httpx.Client, workload: Workload, secret: str
) -> None:
    grant(admin, secret, workload.member("*"))
    credentials = workload.credentials()
    credentials.refresh(Request())
    bearer = {"authorization": f"Bearer {credentials.token}"}
    plan = f"/storage/v1/b/{secret}/o/plan?alt=media"
    with workload.universe.caller() as anybody:
        assert anybody.get(plan, headers=bearer).content == b"the plan"
        pool, mask = f"/iam/v1/{workload.pool}", {"updateMask": "disabled"}
        assert admin.patch(pool, params=mask, json={"disabled": True}).status_code == 200
        assert anybody.get(plan, headers=bearer).status_code == 401
        with pytest.raises(exceptions.OAuthError, match="invalid_target"):
            credentials.refresh(Request())
        assert admin.patch(pool, params=mask, json={"disabled": False}).status_code == 200
        assert anybody.get(plan, headers=bearer).content == b"the plan"
